"""Marts: tables that analysts ask. Each is one file in `sql/`: its declaration, then one query, which DuckDB runs.

The declaration, YAML in the comment at the top, says grain, key, columns with units, checks, and what is read of the
catalog. Assets, asset checks, the reference in the docs and the files' schema are derived from it. `database` brings
the catalog's rows to DuckDB, `build` runs marts for partitions, `query` is for people who ask. Charts and the weekly
report are `dayreel.services.reporting`.
"""
