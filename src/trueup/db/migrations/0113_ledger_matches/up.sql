-- Which payouts and lines of a bank are matched: each once, whoever matches at the same time.
CREATE TABLE ledger.money_match (
  account text NOT NULL CHECK (account IN ('transit', 'unmatched')),
  connection_id integer NOT NULL,
  item text NOT NULL,
  record_id bigint NOT NULL,
  PRIMARY KEY (account, connection_id, item)
);
CREATE INDEX money_match_record ON ledger.money_match (record_id);

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, DELETE ON ledger.money_match');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.money_match');
