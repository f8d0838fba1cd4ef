-- What changed at a channel and was waited for in vain: nothing read explained it, and the ledger's
-- number counts again. Whoever looks for a second writer begins here.
CREATE TABLE outbox.forgiven (
  connection_id integer NOT NULL,
  key text NOT NULL,
  since_at timestamptz NOT NULL,
  forgiven_at timestamptz NOT NULL,
  dropped integer NOT NULL CHECK (dropped >= 0),
  risen integer NOT NULL CHECK (risen >= 0),
  PRIMARY KEY (connection_id, forgiven_at, key)
);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON outbox.forgiven');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON outbox.forgiven');
