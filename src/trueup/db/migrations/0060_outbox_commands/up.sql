-- Things to be done once at a vendor, and the budgets of calls that all processes share.

-- One row per command. `content` may be personal: it is sealed under a key of its own, which lies
-- under the person's key where the person is known, and goes dark with it.
CREATE TABLE outbox.command (
  command_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_id integer NOT NULL,
  kind text NOT NULL,
  key text NOT NULL,
  ref text NOT NULL UNIQUE,
  content bytea NOT NULL,
  wrapped bytea NOT NULL,
  person bytea,
  state text NOT NULL DEFAULT 'due' CHECK (state IN
    ('due', 'sending', 'unknown', 'submitted', 'done', 'refused', 'dead', 'discarded')),
  idempotency_key uuid NOT NULL DEFAULT gen_random_uuid(),
  attempts smallint NOT NULL DEFAULT 0,
  sends smallint NOT NULL DEFAULT 0,
  wanted_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  vendor_ref text,
  code text,
  reply_event_id bigint
);
CREATE INDEX command_due ON outbox.command (connection_id, due_at) WHERE state = 'due';
CREATE INDEX command_open ON outbox.command (connection_id, key, command_id)
  WHERE state IN ('due', 'sending', 'unknown', 'submitted');
CREATE INDEX command_vendor_ref ON outbox.command (connection_id, vendor_ref)
  WHERE vendor_ref IS NOT NULL;
CREATE INDEX command_recent ON outbox.command (wanted_at DESC);

-- One row per (connection, scope): what may still be spent at the vendor, whoever calls.
CREATE UNLOGGED TABLE outbox.budget (
  connection_id integer NOT NULL,
  scope text NOT NULL,
  capacity float8 NOT NULL CHECK (capacity > 0),
  refill_per_s float8 NOT NULL CHECK (refill_per_s > 0),
  balance float8 NOT NULL,
  in_flight float8 NOT NULL DEFAULT 0,
  counted_at timestamptz NOT NULL,
  blocked_until timestamptz,
  PRIMARY KEY (connection_id, scope)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- A call whose vendor took it in and has yet to apply it: looked at again then.
ALTER TABLE outbox.call ADD COLUMN check_at timestamptz;
ALTER TABLE outbox.call DROP CONSTRAINT call_state_check;
ALTER TABLE outbox.call ADD CONSTRAINT call_state_check
  CHECK (state IN ('sending', 'unknown', 'submitted', 'done', 'later', 'refused'));
ALTER TABLE outbox.call_intent DROP CONSTRAINT call_intent_receipt_check;
ALTER TABLE outbox.call_intent ADD CONSTRAINT call_intent_receipt_check
  CHECK (receipt IN ('done', 'later', 'refused', 'unknown', 'submitted'));
CREATE INDEX call_submitted ON outbox.call (connection_id, check_at) WHERE state = 'submitted';

SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT, INSERT, UPDATE, DELETE ON outbox.command, outbox.budget');
SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON ALL SEQUENCES IN SCHEMA outbox');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON outbox.command, outbox.budget');
