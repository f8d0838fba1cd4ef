-- How long word takes between a connection and the hub, in both ways, as it was measured:
-- inward from a sale there to the event taken in, outward from then to the lower number there.
CREATE TABLE outbox.reach (
  connection_id integer NOT NULL,
  way text NOT NULL CHECK (way IN ('inward', 'outward')),
  mean_s double precision NOT NULL CHECK (mean_s >= 0),
  deviation_s double precision NOT NULL CHECK (deviation_s >= 0),
  samples bigint NOT NULL,
  measured_at timestamptz NOT NULL,
  PRIMARY KEY (connection_id, way)
) WITH (fillfactor = 50);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON outbox.reach');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON outbox.reach');
