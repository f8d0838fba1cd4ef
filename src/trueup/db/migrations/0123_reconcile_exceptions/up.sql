-- Differences that checks found and that wait for somebody: one row a difference, however often it
-- is found again. One that was not found again is closed, and opens anew when it comes back.
CREATE TABLE reconcile.exception (
  exception_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  check_name text NOT NULL,
  cause text NOT NULL,
  left_ref text,
  right_ref text,
  currency text,
  amount numeric NOT NULL,
  evidence jsonb NOT NULL DEFAULT '[]',
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'accepted')),
  owner text,
  opened_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  closed_at timestamptz,
  UNIQUE NULLS NOT DISTINCT (check_name, cause, left_ref, right_ref, currency)
);
CREATE INDEX exception_open ON reconcile.exception (check_name, opened_at) WHERE closed_at IS NULL;

-- What people did and said about one: append-only.
CREATE TABLE reconcile.exception_note (
  note_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  exception_id bigint NOT NULL REFERENCES reconcile.exception,
  noted_at timestamptz NOT NULL,
  noted_by text NOT NULL,
  did text NOT NULL,
  comment text NOT NULL DEFAULT ''
);
CREATE INDEX exception_note_of ON reconcile.exception_note (exception_id);
CREATE FUNCTION reconcile.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reconcile.exception_note
  FOR EACH STATEMENT EXECUTE FUNCTION reconcile.refuse_change();

-- What each check came to each time: whether the books drift apart is seen over many of them.
CREATE TABLE reconcile.check_run (
  check_name text NOT NULL,
  ran_at timestamptz NOT NULL,
  left_rows bigint NOT NULL,
  right_rows bigint NOT NULL,
  matched bigint NOT NULL,
  differing bigint NOT NULL,
  unexplained bigint NOT NULL,
  PRIMARY KEY (check_name, ran_at)
);

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE ON reconcile.exception');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT ON reconcile.exception_note');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, DELETE ON reconcile.check_run');
SELECT trueup_meta.grant_to('trueup_reader',
  'SELECT ON reconcile.exception, reconcile.exception_note, reconcile.check_run');
