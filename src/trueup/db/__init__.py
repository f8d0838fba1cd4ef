"""The database: server, pool, named queries, migrations, safety checks."""
