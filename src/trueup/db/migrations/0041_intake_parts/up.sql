-- A statement on a part of a partitioned table does not fire the statement triggers of the whole:
-- each part of the dedupe keys refuses changes itself.
DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format(
      'CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON intake.dedupe_%s '
      'FOR EACH STATEMENT EXECUTE FUNCTION intake.refuse_change()',
      part);
  END LOOP;
END $$;
