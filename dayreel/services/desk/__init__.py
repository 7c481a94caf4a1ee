"""What the desk and the terminal show, without HTTP, and who may look."""
