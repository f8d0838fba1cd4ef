SELECT 'journals are append-only' AS name, count(*) = 3 AS ok,
  count(*) || ' of 3 tables refuse changes' AS detail
FROM pg_trigger WHERE tgname = 'append_only'
  AND tgrelid IN ('journals.journal'::regclass, 'journals.line'::regclass,
    'journals.withdrawal'::regclass);
