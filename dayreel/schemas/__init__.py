"""Shapes: pydantic models shared by every floor above. No behaviour beyond validation, no input or output."""
