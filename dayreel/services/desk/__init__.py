"""Who may look at the desk, and how small its pictures are; without HTTP. What it shows is `dayreel.queries`."""
