"""The project, the desk and the people of the other pages' tests."""

from tests.unit.desk.conftest import ana, ben, desk, olga, prepared, project, vera

__all__ = ["ana", "ben", "desk", "olga", "prepared", "project", "vera"]
