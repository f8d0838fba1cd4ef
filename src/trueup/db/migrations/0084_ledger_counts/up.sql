-- Counts as statements as of an instant. When a unit on hand moved stands at its posting, so that
-- what happened after a count can be told from what the count has seen; no other place has a time,
-- so reserving writes no index.
ALTER TABLE ledger.posting ADD COLUMN occurred_at timestamptz;
ALTER TABLE ledger.posting DISABLE TRIGGER append_only;
UPDATE ledger.posting p SET occurred_at = t.occurred_at
FROM ledger.transaction t WHERE t.event_id = p.event_id AND p.place = 'on_hand';
ALTER TABLE ledger.posting ENABLE TRIGGER append_only;
ALTER TABLE ledger.posting ADD CONSTRAINT posting_has_instant
  CHECK ((occurred_at IS NOT NULL) = (place = 'on_hand'));
CREATE INDEX posting_on_hand ON ledger.posting (sku_id, site, occurred_at)
  WHERE place = 'on_hand';

-- One row per record that counts: so many lie at the site, of all that happened until then.
CREATE TABLE ledger.count (
  record_id bigint PRIMARY KEY,
  connection_id integer NOT NULL,
  sku_id integer NOT NULL,
  site text NOT NULL,
  counted_at timestamptz NOT NULL,
  units integer NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX count_at ON ledger.count (sku_id, site, counted_at, units, record_id);

-- When the newest count of the place was: whoever moves a unit learns it from the row it locks.
ALTER TABLE ledger.site_balance ADD COLUMN counted_at timestamptz;
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.count');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.count');
