-- Three roles without a log-in divide the work: what takes bytes in, what applies them, what reads.
-- Roles belong to the whole server, so another brand's database may have created them already,
-- also at this very moment. A managed PostgreSQL may forbid it: then all work is done by the
-- owner, and a notice says so.

CREATE FUNCTION trueup_meta.ensure_role(role_name name, purpose text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', role_name, purpose);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                INSERT INTO trueup_meta.notice (name, detail)
                VALUES (
                    'role_missing.' || role_name,
                    format(
                        '%I may not create the role %I; the owner of the database does its work. '
                        'To divide the work, run as an administrator: CREATE ROLE %I NOLOGIN; '
                        'then the grants of each room, see docs/decisions.',
                        current_user, role_name, role_name
                    )
                )
                ON CONFLICT (name) DO NOTHING;
                RETURN;
        END;
    END IF;
    IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
        BEGIN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        EXCEPTION WHEN insufficient_privilege THEN
            INSERT INTO trueup_meta.notice (name, detail)
            VALUES (
                'role_not_member.' || role_name,
                format(
                    '%I is not a member of %I and may not make itself one. Run as an '
                    'administrator: GRANT %I TO %I;',
                    current_user, role_name, role_name, current_user
                )
            )
            ON CONFLICT (name) DO NOTHING;
        END;
    END IF;
END
$$;
COMMENT ON FUNCTION trueup_meta.ensure_role IS
    'Creates a role where it is missing and allowed; leaves a notice where it is not.';

-- Rooms grant through this, so their migrations also pass where the roles could not be created:
--   SELECT trueup_meta.grant_to('trueup_ingress', 'INSERT ON intake.event');
CREATE FUNCTION trueup_meta.grant_to(role_name name, privileges text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
        RETURN false;
    END IF;
    EXECUTE format('GRANT %s TO %I', privileges, role_name);
    RETURN true;
END
$$;
COMMENT ON FUNCTION trueup_meta.grant_to IS
    'Grants "privileges ON object" to a role; false where the role does not exist.';

REVOKE ALL ON FUNCTION trueup_meta.ensure_role FROM PUBLIC;
REVOKE ALL ON FUNCTION trueup_meta.grant_to FROM PUBLIC;

SELECT trueup_meta.ensure_role('trueup_ingress', 'Trueup: appends events, reads nothing else');
SELECT trueup_meta.ensure_role('trueup_worker', 'Trueup: applies events');
SELECT trueup_meta.ensure_role('trueup_reader', 'Trueup: reads');

SELECT trueup_meta.grant_to('trueup_ingress', 'USAGE ON SCHEMA trueup_meta');
SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON SCHEMA trueup_meta');
SELECT trueup_meta.grant_to('trueup_reader', 'USAGE ON SCHEMA trueup_meta');
SELECT trueup_meta.grant_to('trueup_ingress', 'SELECT ON trueup_meta.migration');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT ON trueup_meta.migration');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON trueup_meta.migration');
