-- Which fields a connection's bodies have: what is new, gone or of another kind is noticed.
CREATE TABLE intake.body_shape (
  connection_id integer NOT NULL,
  topic text NOT NULL,
  bodies bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (connection_id, topic)
);

CREATE TABLE intake.body_field (
  connection_id integer NOT NULL,
  topic text NOT NULL,
  path text NOT NULL,
  kinds text[] NOT NULL,
  seen bigint NOT NULL,
  -- How many bodies of the topic had been looked at when the field was last there.
  seen_at_body bigint NOT NULL,
  first_event_id bigint NOT NULL,
  last_event_id bigint NOT NULL,
  missing boolean NOT NULL DEFAULT false,
  PRIMARY KEY (connection_id, topic, path)
);
SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT, INSERT, UPDATE, DELETE ON intake.body_shape, intake.body_field');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON intake.body_shape, intake.body_field');
