-- What the scheduler does again and again: when it is due, when it was last done, why it failed.
-- `connection_id` is 0 for the hub's own duties.
CREATE TABLE intake.duty (
  connection_id integer NOT NULL,
  name text NOT NULL,
  due_at timestamptz NOT NULL,
  done_at timestamptz,
  failed_at timestamptz,
  failures integer NOT NULL DEFAULT 0,
  reason text,
  outcome text,
  PRIMARY KEY (connection_id, name)
);
