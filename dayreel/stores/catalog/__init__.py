"""The catalog: where each video stands, who decided, every effect on the outside world, every snapshot.

SQLAlchemy Core on SQLite and PostgreSQL 14+, one schema, one code path. `tables` holds the schema, `engine` opens it,
`types` the two column types that differ between the databases, `migrations` the numbered steps, `reads` the shared
queries. Statements that change state belong to the services, inside `Catalog.write()`.
"""
