-- What vendors let us in with, where a person or the client itself is granted tokens (OAuth). Apart
-- from the secrets, which people give: these change every hour, and nothing else begins anew then.
CREATE TABLE intake.token (
  connection_id integer PRIMARY KEY REFERENCES intake.connection,
  -- A keyed digest of what people gave to have it by: of another refresh token it is not.
  basis bytea NOT NULL CHECK (length(basis) = 16),
  access_sealed bytea NOT NULL,
  refresh_sealed bytea,
  asked_at timestamptz NOT NULL,
  expires_at timestamptz CHECK (expires_at > asked_at),
  -- Rises with each token: one that was asked for with an older one's refresh token replaces none.
  generation bigint NOT NULL DEFAULT 1 CHECK (generation > 0),
  refused_at timestamptz,
  refused text CHECK (length(refused) <= 40),
  CHECK ((refused_at IS NULL) = (refused IS NULL))
);

-- Persons who were sent to a vendor and are awaited back. The state that they bring is known by its
-- digest alone; the draft is what it was asked for with, sealed, as is the answer.
CREATE TABLE intake.authorisation (
  state_digest bytea PRIMARY KEY CHECK (length(state_digest) = 32),
  draft_sealed bytea NOT NULL,
  opened_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > opened_at),
  answered_at timestamptz,
  answer_sealed bytea,
  CHECK ((answered_at IS NULL) = (answer_sealed IS NULL))
);

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON intake.token');
SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT, INSERT, UPDATE, DELETE ON intake.authorisation');
