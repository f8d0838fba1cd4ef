-- Where the role exists it must not be able to change what is append-only.
SELECT
  'append-only tables refuse trueup_worker' AS name,
  NOT EXISTS (
    SELECT FROM pg_roles r
    CROSS JOIN unnest(ARRAY['intake.event', 'intake.dedupe', 'records.version',
      'ledger.transaction', 'ledger.posting']) AS t (whole)
    WHERE r.rolname = 'trueup_worker'
      AND (has_table_privilege(r.oid, t.whole, 'UPDATE')
        OR has_table_privilege(r.oid, t.whole, 'DELETE')
        OR has_table_privilege(r.oid, t.whole, 'TRUNCATE'))
      AND NOT r.rolsuper
  ) AS ok,
  'revoke UPDATE, DELETE and TRUNCATE on them from trueup_worker' AS detail;
