-- The money ledger: double entry per currency, exact to the last digit that a source gave.
CREATE TABLE ledger.money_posting (
  event_id bigint NOT NULL,
  ordinal integer NOT NULL,
  record_id bigint NOT NULL,
  account text NOT NULL,
  connection_id integer NOT NULL,
  item text NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  amount numeric NOT NULL CHECK (amount <> 0),
  occurred_on date NOT NULL,
  booked_on date NOT NULL,
  posted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id, ordinal)
);
CREATE INDEX money_posting_record ON ledger.money_posting (record_id);
CREATE INDEX money_posting_item ON ledger.money_posting (account, connection_id, item);

-- Up to which day nothing may be booked any more: the newest row counts.
CREATE TABLE ledger.money_lock (
  lock_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  locked_through date,
  locked_by text NOT NULL,
  reason text NOT NULL DEFAULT '',
  locked_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.money_posting
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.money_lock
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What the Python rules promise, held by the database too.
CREATE FUNCTION ledger.check_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM posted GROUP BY event_id, currency HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'a money transaction does not sum to zero'
      USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM posted WHERE booked_on <= (
      SELECT locked_through FROM ledger.money_lock ORDER BY lock_id DESC LIMIT 1)) THEN
    RAISE EXCEPTION 'a locked period was booked to' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER sums_to_zero AFTER INSERT ON ledger.money_posting
  REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_money();

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT ON ledger.money_posting');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT ON ledger.money_lock');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.money_posting, ledger.money_lock');
