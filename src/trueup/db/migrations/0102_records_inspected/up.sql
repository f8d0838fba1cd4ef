-- Entities of which units were graded that came back. `looked` is false where something of one
-- changed since what came back was held beside what had left.
CREATE TABLE records.inspected (
  connection_id integer NOT NULL,
  entity text NOT NULL,
  looked boolean NOT NULL DEFAULT false,
  PRIMARY KEY (connection_id, entity)
);
CREATE INDEX inspected_unlooked ON records.inspected (connection_id, entity) WHERE NOT looked;

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON records.inspected');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON records.inspected');
