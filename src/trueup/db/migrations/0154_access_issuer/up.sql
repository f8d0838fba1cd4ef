-- Who an issuer (OpenID Connect) says somebody is. A subject is one member's, for ever: a removed
-- member's stays theirs, so that nobody comes in again by it.
CREATE TABLE access.account (
  issuer text NOT NULL CHECK (length(issuer) <= 500),
  subject text NOT NULL CHECK (length(subject) <= 255),
  member_id integer NOT NULL REFERENCES access.member,
  -- Their role comes from what the issuer says, each time: who is in no group comes in no more.
  by_claim boolean NOT NULL,
  made_at timestamptz NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX account_member ON access.account (member_id);

-- Whose link it is, where it is one person's: they may come in by the issuer instead.
ALTER TABLE access.invite ADD COLUMN email text CHECK (length(email) BETWEEN 3 AND 254);
CREATE INDEX invite_email ON access.invite (email) WHERE email IS NOT NULL;
