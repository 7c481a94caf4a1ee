"""The commands of own footage; `dayreel.cli` lists them, and imports one when it is typed."""
