-- What was made of the money ledger for an accounting system: journals as they were posted there.
CREATE SCHEMA journals;

CREATE TABLE journals.journal (
  journal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number text NOT NULL UNIQUE,
  day date NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal > 0),
  posted_on date NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  grain text NOT NULL CHECK (grain IN ('day', 'connection', 'order')),
  -- Who told the money; 0: several, or the day as a whole.
  told_by integer NOT NULL,
  order_ref text NOT NULL,
  target_id integer NOT NULL,
  reverses bigint REFERENCES journals.journal,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (day, ordinal)
);
CREATE INDEX journal_reverses ON journals.journal (reverses) WHERE reverses IS NOT NULL;

CREATE TABLE journals.line (
  journal_id bigint NOT NULL REFERENCES journals.journal,
  ordinal integer NOT NULL,
  account text NOT NULL,
  connection_id integer NOT NULL,
  account_ref text NOT NULL,
  name text NOT NULL,
  tax_code text,
  tax_on text CHECK (tax_on IN ('sales', 'purchases')),
  amount numeric NOT NULL CHECK (amount <> 0),
  PRIMARY KEY (journal_id, ordinal)
);

-- A journal that surely never came to stand in the accounting system, as a person said.
CREATE TABLE journals.withdrawal (
  journal_id bigint PRIMARY KEY REFERENCES journals.journal,
  withdrawn_by text NOT NULL,
  reason text NOT NULL,
  withdrawn_at timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION journals.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journals.journal
  FOR EACH STATEMENT EXECUTE FUNCTION journals.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journals.line
  FOR EACH STATEMENT EXECUTE FUNCTION journals.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journals.withdrawal
  FOR EACH STATEMENT EXECUTE FUNCTION journals.refuse_change();

-- What the Python rules promise, held by the database too: there is no forced balancing line.
CREATE FUNCTION journals.check_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM posted GROUP BY journal_id HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'a journal does not sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER sums_to_zero AFTER INSERT ON journals.line
  REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION journals.check_sums();

SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON SCHEMA journals');
SELECT trueup_meta.grant_to('trueup_reader', 'USAGE ON SCHEMA journals');
SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT ON journals.journal, journals.line, journals.withdrawal');
SELECT trueup_meta.grant_to('trueup_reader',
  'SELECT ON journals.journal, journals.line, journals.withdrawal');
