SELECT 'nothing was refused before' AS name, count(*) = 0 AS ok, 'an intent has a most' AS detail
FROM outbox.intent WHERE batch_max IS NOT NULL;
