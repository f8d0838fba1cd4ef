-- What is to come and what came of it, line by line: of purchase orders of every system and of our
-- own transfers. Written beside the records, which tell the same; `looked` is false until the two
-- have been compared.
CREATE TABLE records.expected_line (
  record_id bigint NOT NULL,
  ordinal integer NOT NULL,
  connection_id integer NOT NULL,
  source text NOT NULL CHECK (source IN ('purchase', 'transfer')),
  ref text NOT NULL,
  number text NOT NULL,
  line_ref text NOT NULL,
  sku text,
  site text NOT NULL,
  quantity integer NOT NULL,
  told_arrived integer NOT NULL,
  expected_on date,
  is_open boolean NOT NULL,
  looked boolean NOT NULL DEFAULT false,
  PRIMARY KEY (record_id, ordinal)
);
CREATE INDEX expected_line_sku ON records.expected_line (sku) WHERE is_open;
CREATE INDEX expected_line_ref ON records.expected_line (source, ref);
CREATE INDEX expected_line_number ON records.expected_line (source, number);
CREATE INDEX expected_line_unlooked ON records.expected_line (record_id) WHERE NOT looked;

CREATE TABLE records.arrived_line (
  record_id bigint NOT NULL,
  ordinal integer NOT NULL,
  ref text NOT NULL,
  source text NOT NULL CHECK (source IN ('purchase', 'transfer')),
  source_ref text NOT NULL,
  source_connection text,
  line_ref text,
  sku text NOT NULL,
  quantity integer NOT NULL,
  damaged integer NOT NULL,
  looked boolean NOT NULL DEFAULT false,
  PRIMARY KEY (record_id, ordinal)
);
CREATE INDEX arrived_line_source ON records.arrived_line (source, source_ref);
CREATE INDEX arrived_line_unlooked ON records.arrived_line (record_id) WHERE NOT looked;

SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT, INSERT, UPDATE, DELETE ON records.expected_line, records.arrived_line');
SELECT trueup_meta.grant_to('trueup_reader',
  'SELECT ON records.expected_line, records.arrived_line');
