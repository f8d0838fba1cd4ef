-- What is left of a rate after a time in which nothing was sold. After hundreds of half-lives it is
-- too little to be told from nothing, and PostgreSQL refuses to work it out: it is cut off there.
CREATE OR REPLACE FUNCTION outbox.decayed(
  rate double precision, rated_at timestamptz, now_at timestamptz, half_life_s double precision
) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT rate * exp(greatest(-200, -ln(2) / half_life_s
    * greatest(0, coalesce(extract(epoch FROM now_at - rated_at), 0))::double precision))
$$;
