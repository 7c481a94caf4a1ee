"""Where Dagster keeps its records, and who may read them."""

import os
from pathlib import Path
from stat import S_IMODE
from unittest.mock import patch

from dayreel.services.dagster_instance import prepare_dagster_home
from tests.fakes.project import settings_at


def test_dagsters_records_are_their_owners_alone(tmp_path: Path) -> None:
    """Run configuration and people's names are in them. A folder that people name themselves is theirs to close."""
    (tmp_path / "shared").mkdir(mode=0o755)
    with patch.dict(os.environ):
        os.environ.pop("DAGSTER_HOME", None)
        assert S_IMODE(prepare_dagster_home(settings_at(tmp_path)).stat().st_mode) == 0o700
        os.environ["DAGSTER_HOME"] = str(tmp_path / "shared")
        assert S_IMODE(prepare_dagster_home(settings_at(tmp_path)).stat().st_mode) == 0o755
