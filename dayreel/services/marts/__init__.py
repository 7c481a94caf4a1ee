"""Marts: tables that analysts ask, worked out from the catalog. Pandas in, Parquet out.

Each module describes one mart (grain, key, columns, units, what null means) and builds it with a pure function from
frames to a frame. `frames` is the only one that reads the catalog, `build_marts` the only one that knows them all.
"""
