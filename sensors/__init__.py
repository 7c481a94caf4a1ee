"""WHEN something starts: decisions and due posts. A sensor here is a thin tick; what it decides is in `dayreel`."""
