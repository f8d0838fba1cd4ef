-- What is promised is promised from a site: so that a channel that sells from some sites only is
-- told what these have left. What was reserved before has no site, and counts against each of them
-- until its order is booked again.
ALTER TABLE ledger.posting DROP CONSTRAINT posting_check;
ALTER TABLE ledger.posting ADD CONSTRAINT posting_check CHECK (
  CASE WHEN place IN ('on_hand', 'quarantine') THEN site <> ''
    ELSE site = '' OR place = 'reserved' END);
ALTER TABLE ledger.site_balance ADD COLUMN reserved bigint NOT NULL DEFAULT 0;
