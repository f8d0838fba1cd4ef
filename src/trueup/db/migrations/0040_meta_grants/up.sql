-- What the hub's processes may do. They work as trueup_worker, not as the owner: so what is
-- append-only can not be changed by them at all, whatever a trigger says.
DO $$
DECLARE
  room name;
  each record;
  append_only constant text[] := ARRAY[
    'intake.event', 'intake.dedupe', 'records.version', 'ledger.transaction', 'ledger.posting'];
  secret constant text[] := ARRAY['intake.connection_secret', 'intake.event_key', 'govern.person'];
BEGIN
  FOREACH room IN ARRAY ARRAY['intake', 'govern', 'records', 'ledger', 'outbox'] LOOP
    PERFORM trueup_meta.grant_to('trueup_worker', format('USAGE ON SCHEMA %I', room));
    PERFORM trueup_meta.grant_to('trueup_worker', format('USAGE ON ALL SEQUENCES IN SCHEMA %I', room));
    PERFORM trueup_meta.grant_to('trueup_reader', format('USAGE ON SCHEMA %I', room));
  END LOOP;
  FOR each IN
    SELECT schemaname, tablename, schemaname || '.' || tablename AS whole FROM pg_tables
    WHERE schemaname IN ('intake', 'govern', 'records', 'ledger', 'outbox')
      AND tablename !~ '^dedupe_\d+$'
  LOOP
    PERFORM trueup_meta.grant_to('trueup_worker', format('%s ON %I.%I',
      CASE WHEN each.whole = ANY (append_only) THEN 'SELECT, INSERT'
        ELSE 'SELECT, INSERT, UPDATE, DELETE' END,
      each.schemaname, each.tablename));
    IF each.whole <> ALL (secret) THEN
      PERFORM trueup_meta.grant_to('trueup_reader',
        format('SELECT ON %I.%I', each.schemaname, each.tablename));
    END IF;
  END LOOP;
END $$;

-- From PostgreSQL 16 on, having made a role does not yet allow to work as it.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'trueup_worker') THEN
    IF current_setting('server_version_num')::int >= 160000 THEN
      EXECUTE 'GRANT trueup_worker TO CURRENT_USER WITH SET TRUE';
    ELSE
      GRANT trueup_worker TO CURRENT_USER;
    END IF;
  END IF;
EXCEPTION WHEN insufficient_privilege THEN
  INSERT INTO trueup_meta.notice (name, detail)
  VALUES ('role_not_set.trueup_worker', format(
    '%I may not work as trueup_worker, so the owner does its work and only triggers guard what is '
    'append-only. As an administrator: GRANT trueup_worker TO %I', current_user, current_user))
  ON CONFLICT (name) DO NOTHING;
END $$;
