"""Marts: tables that analysts ask, worked out from the catalog. Pandas in, Parquet out.

Each module describes one mart (grain, key, columns, units, what null means) and builds it with a pure function from
frames to a frame. `frames` and `library_throughput` alone read the catalog, and `build_marts` alone knows them all.
"""
