-- What the tuner goes by, and what keeps thin stock safe.
ALTER TABLE outbox.intent
  -- units a second that this listing sells, over days; `rate` is over the last minutes
  ADD COLUMN pace double precision NOT NULL DEFAULT 0 CHECK (pace >= 0),
  -- what was sent and is not settled: it may stand there already
  ADD COLUMN sent integer;

-- How unevenly a SKU is sold: the variance of the units sold in a window, over their mean.
CREATE TABLE outbox.spread (
  key text PRIMARY KEY,
  dispersion double precision NOT NULL CHECK (dispersion >= 1),
  measured_at timestamptz NOT NULL
);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON outbox.spread');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON outbox.spread');

-- What is left of a rate after a time in which nothing was sold.
CREATE FUNCTION outbox.decayed(
  rate double precision, rated_at timestamptz, now_at timestamptz, half_life_s double precision
) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT rate * exp(-ln(2) / half_life_s
    * greatest(0, coalesce(extract(epoch FROM now_at - rated_at), 0))::double precision)
$$;

-- Whether a number may be raised in thin stock: with all that stands, shall stand or may have been
-- set at the other channels it is no more than there is. (Units that may be in a number already are
-- a column of a later migration: a body of plpgsql is looked at when it runs.)
CREATE FUNCTION outbox.may_rise(
  of_connection integer, of_kind text, of_key text, wanted integer, units integer
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT wanted + coalesce(sum(greatest(
        o.value, coalesce(o.believed + o.unsure_up, o.value), o.sent)), 0)
      <= greatest(0, units)
    FROM outbox.intent o
    WHERE o.kind = of_kind AND o.key = of_key AND o.connection_id <> of_connection);
END $$;
