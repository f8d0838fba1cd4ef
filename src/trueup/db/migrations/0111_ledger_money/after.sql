SELECT 'the money ledger is append-only' AS name, count(*) = 2 AS ok,
  count(*) || ' of 2 tables refuse changes' AS detail
FROM pg_trigger WHERE tgname = 'append_only'
  AND tgrelid IN ('ledger.money_posting'::regclass, 'ledger.money_lock'::regclass);
