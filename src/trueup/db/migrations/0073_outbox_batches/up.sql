-- A batch that was refused as a whole is asked again in halves: the most that an intent goes with.
ALTER TABLE outbox.intent ADD COLUMN batch_max smallint CHECK (batch_max >= 1);
-- What the vendor calls a batch that it took in, by which it is asked what came of it.
ALTER TABLE outbox.call ADD COLUMN vendor_ref text;
