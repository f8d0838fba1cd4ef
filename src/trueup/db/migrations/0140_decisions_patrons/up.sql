-- Customers as patrons, worked out once a day, so that no rule reads everybody's orders each minute.
-- Nothing here tells who somebody is: persons are digests.
CREATE TABLE decisions.patron (
  -- The first of their persons, which is the customer's id.
  person bytea PRIMARY KEY,
  persons bytea[] NOT NULL,
  -- Their newest order: whom a notice goes to, and what `trueup show` knows.
  connection_id integer NOT NULL,
  order_ref text NOT NULL,
  currency text NOT NULL,
  purchases integer NOT NULL CHECK (purchases > 0),
  last_on date NOT NULL,
  -- Their own interval over all that they buy, and the day on which nothing came for so long that
  -- they may be leaving; null below three purchases.
  interval_days integer CHECK (interval_days > 0),
  next_on date,
  late_on date,
  alive numeric NOT NULL CHECK (alive BETWEEN 0 AND 1),
  -- What is expected of them in a year: estimated, told to people, never booked.
  worth numeric NOT NULL,
  -- What they spend on a purchase, in their currency.
  spend numeric NOT NULL,
  tier text NOT NULL,
  -- By what the above was told: a model, or the rule below it.
  told_by text NOT NULL,
  worked_on date NOT NULL
);
CREATE INDEX patron_late ON decisions.patron (late_on) WHERE late_on IS NOT NULL;

-- How often a customer buys one SKU, or (with an empty SKU) anything: from three purchases on.
CREATE TABLE decisions.habit (
  person bytea NOT NULL REFERENCES decisions.patron ON DELETE CASCADE,
  sku text NOT NULL,
  purchases integer NOT NULL CHECK (purchases >= 3),
  last_on date NOT NULL,
  interval_days integer NOT NULL CHECK (interval_days > 0),
  -- How far their intervals differ: the standard deviation over the mean.
  spread numeric NOT NULL,
  next_on date NOT NULL,
  -- Where they bought it last, and what a cart would hold: variant, SKU and units.
  connection_id integer NOT NULL,
  order_ref text NOT NULL,
  number text NOT NULL,
  lines jsonb NOT NULL,
  worked_on date NOT NULL,
  PRIMARY KEY (person, sku)
);
CREATE INDEX habit_next ON decisions.habit (next_on);

-- The days on which they were worked out; whoever comes second on a day finds it done.
CREATE TABLE decisions.patrons_day (
  day date PRIMARY KEY,
  customers integer NOT NULL,
  worked_at timestamptz NOT NULL
);

SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT, INSERT, UPDATE, DELETE ON decisions.patron, decisions.habit, decisions.patrons_day');
SELECT trueup_meta.grant_to('trueup_reader',
  'SELECT ON decisions.patron, decisions.habit, decisions.patrons_day');
