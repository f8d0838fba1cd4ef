-- A listing that sells faster than a call takes never shows what the call expects to find. How often
-- in a row another number was found; and whether a call took units off instead of setting a number.
ALTER TABLE outbox.intent ADD COLUMN contended smallint NOT NULL DEFAULT 0 CHECK (contended >= 0);
ALTER TABLE outbox.call_intent ADD COLUMN lowers boolean NOT NULL DEFAULT false;

-- Whether a number is lowered by what is too much: the vendor can, it must fall, and twice in a row
-- another number was found than was expected.
CREATE FUNCTION outbox.is_lowered(can boolean, contended smallint, value integer, believed integer)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT can AND contended >= 2 AND coalesce(value < believed, false)
$$;
