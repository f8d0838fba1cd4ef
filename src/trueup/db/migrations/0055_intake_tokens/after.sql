-- What only reads may not read tokens, sealed or not.
SELECT
  'tokens refuse trueup_reader' AS name,
  NOT EXISTS (
    SELECT FROM pg_roles r
    CROSS JOIN unnest(ARRAY['intake.token', 'intake.authorisation']) AS t (whole)
    WHERE r.rolname = 'trueup_reader' AND NOT r.rolsuper
      AND has_table_privilege(r.oid, t.whole, 'SELECT')
  ) AS ok,
  'revoke SELECT on them from trueup_reader' AS detail;
