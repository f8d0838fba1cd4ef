-- How fast a SKU was sold over the newest 13 weeks, by when it may be sold out at that pace, and when
-- there last came to be more of it: reorders go by these. They are worked out within six hours.
ALTER TABLE ledger.outlook
  ADD COLUMN steady_per_day float8 NOT NULL DEFAULT 0,
  ADD COLUMN steady_dispersion float8 NOT NULL DEFAULT 1,
  ADD COLUMN steady_days integer NOT NULL DEFAULT 0,
  ADD COLUMN lasts_until date,
  ADD COLUMN topped_at timestamptz;
