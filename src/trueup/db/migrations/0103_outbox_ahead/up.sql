-- What is still to come may be sold ahead: a rule says so, and for how many days it looks. How many
-- units that are lies beside the number they decide, and changes with what comes in one transaction.
ALTER TABLE outbox.rule
  ADD COLUMN ahead_incoming boolean,
  ADD COLUMN ahead_days integer;

ALTER TABLE outbox.intent
  ADD COLUMN ahead_incoming boolean NOT NULL DEFAULT false,
  ADD COLUMN ahead_days integer CHECK (ahead_days >= 0),
  -- what the rule says as `ahead`: all of it, or where what is to come counts the most of it
  ADD COLUMN ahead_max integer CHECK (ahead_max >= 0),
  ADD COLUMN incoming integer NOT NULL DEFAULT 0 CHECK (incoming >= 0);
UPDATE outbox.intent SET ahead_max = ahead WHERE ahead > 0;

CREATE INDEX intent_ahead ON outbox.intent (key) WHERE ahead_incoming;

-- How many units may be sold before they are there.
CREATE FUNCTION outbox.ahead_of(ahead_incoming boolean, ahead_max integer, incoming integer)
RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN ahead_incoming THEN least(ahead_max, incoming)
    ELSE coalesce(ahead_max, 0) END
$$;
