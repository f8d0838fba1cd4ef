-- What waits, until when and why; and whom customers heard from, so that caps hold across rules.

-- due_at: an approved decision is not looked at before; waits: why; urgency: which goes first.
ALTER TABLE decisions.decision
  ADD COLUMN due_at timestamptz,
  ADD COLUMN waits text,
  ADD COLUMN urgency smallint NOT NULL DEFAULT 0;
CREATE INDEX decision_due ON decisions.decision (due_at) WHERE state = 'approved';

-- One row a message to a customer. Nothing tells who they are: `person` is whose key seals the
-- message, `address` the digest under which a guest with that address is known. The rows stay when
-- somebody is forgotten, so that a cap is not forgotten with them.
CREATE TABLE decisions.contact (
  contact_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ref text NOT NULL UNIQUE,
  decision_id bigint NOT NULL REFERENCES decisions.decision,
  person bytea NOT NULL,
  address bytea NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('transactional', 'service', 'marketing')),
  medium text NOT NULL,
  about text NOT NULL,
  urgency smallint NOT NULL,
  -- When it left; until that is known, the latest moment at which it may.
  at timestamptz NOT NULL,
  -- It surely did not reach them, and does not count.
  void boolean NOT NULL DEFAULT false
);
CREATE INDEX contact_person ON decisions.contact (person, at) WHERE NOT void;
CREATE INDEX contact_address ON decisions.contact (address, at) WHERE NOT void;
CREATE INDEX contact_decision ON decisions.contact (decision_id);

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE ON decisions.contact');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON decisions.contact');
