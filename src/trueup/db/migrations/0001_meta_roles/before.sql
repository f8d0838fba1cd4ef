SELECT
    'encoding_is_utf8',
    pg_encoding_to_char(encoding) = 'UTF8',
    format('the database is encoded in %s; create it with ENCODING ''UTF8''',
           pg_encoding_to_char(encoding))
FROM pg_database
WHERE datname = current_database();
