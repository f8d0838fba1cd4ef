SELECT
    'role_present_or_noted.' || wanted.role_name,
    EXISTS (SELECT FROM pg_roles r WHERE r.rolname = wanted.role_name)
    OR EXISTS (SELECT FROM trueup_meta.notice n WHERE n.name = 'role_missing.' || wanted.role_name),
    'neither the role nor a notice about it exists'
FROM (VALUES ('trueup_ingress'), ('trueup_worker'), ('trueup_reader')) AS wanted (role_name);
