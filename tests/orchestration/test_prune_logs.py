"""Pruning on each database: the logs of steps go, what was made and checked stays, and what is not indexed is left."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable

from pipeline_assets.prune_logs import MADE, prune_logs
from tests.days import today
from tests.orchestration.deployment import ROOT, Deployment, failures

DAY = today()
VIDEO = dg.AssetKey(["notes", "final_video"])


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A Dagster home on either database, with what is shipped in it."""
    text = (ROOT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    if request.param == "postgres":
        text += f"\nstorage: {{postgres: {{postgres_url: '{request.getfixturevalue('postgres_url')}'}}}}\n"
    (tmp_path / "dagster.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def kept(home: Path, made: Deployment) -> Iterator[tuple[dg.DagsterInstance, str]]:
    """An instance that knows a run which has made a day, and its id."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        result = made.run(instance, "make_day_notes", DAY)
        assert result.success, failures(result)
        yield instance, result.run_id


def later(**ago: float) -> datetime:
    return datetime.now(UTC) - timedelta(**ago)


def events(home: Path, run_id: str) -> list[str]:
    """Return the kinds of a run's events, as a process sees them that was started now."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        return [str(entry.dagster_event_type) for entry in instance.all_logs(run_id)]


def test_what_was_made_is_known_after_the_logs_are_gone(
    home: Path, kept: tuple[dg.DagsterInstance, str], made: Deployment
) -> None:
    instance, run_id = kept
    unfinished = instance.create_run_for_job(made.defs.resolve_job_def("maintenance"))
    instance.report_engine_event("it begins", unfinished)
    before = instance.get_latest_materialization_event(VIDEO)
    assert before is not None
    assert prune_logs(instance, before=later(hours=1)).runs == 0
    pruned = prune_logs(instance, before=later(hours=-1))
    assert (pruned.runs, pruned.left) == (1, ())
    assert prune_logs(instance, before=later(hours=-1)).runs == 0
    assert events(home, unfinished.run_id) != [], "a run that is not over keeps its logs"
    assert not {kind for kind in events(home, run_id) if "STEP" in kind or kind == "None"}
    with dg.DagsterInstance.from_config(str(home)) as after:
        assert after.get_latest_materialization_event(VIDEO) == before
        assert after.get_materialized_partitions(VIDEO) == {DAY.isoformat()}
        assert after.get_run_by_id(run_id).status == dg.DagsterRunStatus.SUCCESS  # type: ignore[union-attr]
    assert pruned.made["ASSET_CHECK_EVALUATION"] > 0
    assert set(pruned.made) <= MADE
    assert not list((home / "storage").glob(f"{run_id}/**/*.err"))


def test_a_run_that_is_not_indexed_keeps_its_logs(tmp_path: Path) -> None:
    """On SQLite, where a run's own file and the index are written one after the other."""

    @dg.asset
    def video() -> None: ...

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run_id = dg.materialize([video], instance=instance).run_id
        storage: Any = instance.event_log_storage
        with storage.index_connection() as connection:
            connection.execute(SqlEventLogStorageTable.delete().where(SqlEventLogStorageTable.c.run_id == run_id))
        before = len(instance.all_logs(run_id))
        pruned = prune_logs(instance, before=later(hours=-1))
        assert (pruned.runs, pruned.left) == (0, (run_id,))
        assert len(instance.all_logs(run_id)) == before > 0
