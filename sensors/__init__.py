"""WHEN something starts: decisions, due posts, completion markers, doubts, deadlines, failures.

A sensor here is a thin tick: it asks `dayreel` what is due and turns that into run requests. It reads the catalog and
small files, never a vendor, and costs the same after ten years.
"""
