SELECT 'a cursor may be of a sweep' AS name, count(*) = 1 AS ok, 'the check is as before' AS detail
FROM pg_constraint
WHERE conname = 'cursor_purpose_check' AND pg_get_constraintdef(oid) LIKE '%sweep%';
