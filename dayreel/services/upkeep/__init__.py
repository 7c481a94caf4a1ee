"""Maintenance beside the making of videos: what is due, unknown, overdue, stalled or missing."""
