"""The temporary project of the other commands' tests."""

from tests.unit.cli.conftest import dayreel, project

__all__ = ["dayreel", "project"]
