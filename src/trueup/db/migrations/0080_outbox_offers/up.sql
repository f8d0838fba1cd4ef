-- What of a SKU a channel is offered: no longer all that is available. People set rules, the hub
-- measures how fast each listing sells; both lie beside the number they decide.
ALTER TABLE outbox.intent
  ADD COLUMN counted boolean NOT NULL DEFAULT false,
  -- by rule
  ADD COLUMN buffer integer NOT NULL DEFAULT 0 CHECK (buffer >= 0),
  ADD COLUMN cap integer CHECK (cap >= 0),
  ADD COLUMN share_percent integer CHECK (share_percent BETWEEN 0 AND 100),
  ADD COLUMN ahead integer NOT NULL DEFAULT 0 CHECK (ahead >= 0),
  ADD COLUMN adaptive boolean NOT NULL DEFAULT true,
  ADD COLUMN oversell_chance double precision NOT NULL DEFAULT 0.001
    CHECK (oversell_chance > 0 AND oversell_chance < 1),
  -- measured: units a second that this listing sells, and what follows from it
  ADD COLUMN rate double precision NOT NULL DEFAULT 0 CHECK (rate >= 0),
  ADD COLUMN rated_at timestamptz,
  ADD COLUMN safety integer NOT NULL DEFAULT 0 CHECK (safety >= 0),
  ADD COLUMN thin_below integer NOT NULL DEFAULT 0 CHECK (thin_below >= 0),
  ADD COLUMN thin_from double precision NOT NULL DEFAULT 0,
  ADD COLUMN thin_to double precision NOT NULL DEFAULT 1,
  ADD CONSTRAINT thin_share CHECK (0 <= thin_from AND thin_from <= thin_to AND thin_to <= 1);

-- Rules of channels: for one SKU, or (key '') for all of a channel's that have none of their own.
-- A value that is null is taken from the channel's rule, and where that has none from the default.
CREATE TABLE outbox.rule (
  connection_id integer NOT NULL,
  key text NOT NULL,
  record_id bigint NOT NULL,
  buffer integer,
  cap integer,
  share_percent integer,
  ahead integer,
  adaptive boolean,
  oversell_chance double precision,
  PRIMARY KEY (connection_id, key)
);
CREATE INDEX rule_record ON outbox.rule (record_id);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON outbox.rule');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON outbox.rule');

-- The one place where it is decided what shall stand at a channel. In thin stock each channel has
-- its part of the units, and all parts together are what there is: no two can sell the same unit.
-- What dropped unread is taken off last, so that it is never raised over, whatever the rule.
CREATE FUNCTION outbox.offer(
  available integer, dropped integer, buffer integer, cap integer, share_percent integer,
  ahead integer, safety integer, thin_below integer, thin_from double precision,
  thin_to double precision
) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT greatest(0, least(cap,
    CASE WHEN available + ahead < thin_below
      THEN floor(greatest(0, available + ahead) * thin_to)::integer
        - floor(greatest(0, available + ahead) * thin_from)::integer
      ELSE available + ahead - greatest(buffer, safety) END,
    CASE WHEN share_percent IS NULL THEN NULL
      ELSE (greatest(0, available + ahead)::bigint * share_percent / 100)::integer END
  ) - dropped)
$$;
