"""Own footage in Dagster: a partition an item, each step recorded with its evidence, what is not done said so."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import WATCH_LOCK, Library, open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.stores.plan import start_library
from dayreel.footage.stores.reads import jobs_of
from dayreel.settings import load_settings
from dayreel.stores.locks import hold
from pipeline_assets.definitions import build_defs
from pipeline_assets.footage.assets import item_key
from pipeline_assets.partitions import FILED_FOOTAGE
from tests.days import ZONE, today
from tests.fakes.clock import FakeClock
from tests.fakes.library import pretend_to_work
from tests.orchestration.deployment import NOTES, Deployment, failures, metadata_of

FALLS = movie_name("Hidden Falls", 2019)


@pytest.fixture
def stored_instance() -> Iterator[dg.DagsterInstance]:
    """On disk: only such a one shows a sensor's tick which dynamic partitions there are."""
    with dg.instance_for_test() as opened:
        yield opened


@pytest.fixture
def library(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, footage: Path
) -> Iterator[Library]:
    """A shared folder whose plan asks nobody, with one item that is ripped."""
    root = tmp_path / "shared"
    start_library(root)
    (root / "library.yaml").write_text("remux_review: false\nnaming_confirm: false\n", encoding="utf-8")
    monkeypatch.setenv("DAYREEL_LIBRARY", str(root))
    with deployment.project(clock=FakeClock(datetime.now(UTC))) as project:
        opened = open_library(project)
        ingest(opened, FALLS, [footage])
        yield opened


def file_it(library: Library) -> None:
    for role in ("remux", "transcode", "file"):
        run_pass(library)
        assert pretend_to_work(library, role) is not None
    run_pass(library)


def record(deployment: Deployment, instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    return deployment.defs.resolve_job_def("record_items").execute_in_process(
        instance=instance,
        partition_key=request.partition_key,
        asset_selection=list(request.asset_selection or []),
        tags=dict(request.tags),
        raise_on_error=False,
    )


def test_a_sensor_and_a_job_of_own_footage_can_be_replaced(deployment: Deployment, library: Library) -> None:
    @dg.job(name="record_items", description="a team's own")
    def own_job() -> None: ...

    @dg.sensor(name="item_moved_sensor", job=own_job, description="a team's own")
    def own_sensor() -> None: ...

    own = build_defs(load_settings(deployment.root), jobs=[own_job], sensors=[own_sensor])
    assert own.resolve_job_def("record_items").description == "a team's own"
    assert own.resolve_sensor_def("item_moved_sensor").description == "a team's own"


def test_each_step_of_an_item_materializes_its_partition(
    deployment: Deployment, stored_instance: dg.DagsterInstance, instance: dg.DagsterInstance, library: Library
) -> None:
    file_it(library)
    ticked: Any = deployment.tick(stored_instance, "item_moved_sensor")
    assert [(request.partition_key, request.asset_selection[0].path[-1]) for request in ticked.run_requests] == [
        (FALLS.item_id, stage) for stage in ("ripped", "remuxed", "transcoded", "in_library")
    ]
    (added,) = ticked.dynamic_partitions_requests
    for each in (stored_instance, instance):
        each.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
    results = [record(deployment, instance, request) for request in ticked.run_requests]
    assert all(result.success for result in results), [failures(result) for result in results]
    metadata = metadata_of(results[1], "library", "remuxed")
    assert (metadata["title"], metadata["made_by"]) == ("Hidden Falls", "pretender")
    assert metadata["trigger"] == "auto by ana: by pretender"
    assert metadata["evidence"]["files"][0]["streams"][2]["reason"] == "its language is fra"
    again: Any = deployment.tick(stored_instance, "item_moved_sensor", cursor=ticked.cursor)
    assert again.skip_message == "no item has moved"


def test_materializing_an_unfinished_stage_says_what_it_awaits(
    deployment: Deployment, instance: dg.DagsterInstance, library: Library
) -> None:
    run_pass(library)
    instance.add_dynamic_partitions("library_items", [FALLS.item_id])
    request = dg.RunRequest(partition_key=FALLS.item_id, asset_selection=[dg.AssetKey(["library", "remuxed"])])
    result = record(deployment, instance, request)
    assert "is not remuxed yet: it is ripped, and its remux job" in failures(result)["library/remuxed"]


def test_the_house_sees_that_own_footage_has_moved(
    deployment: Deployment, instance: dg.DagsterInstance, library: Library
) -> None:
    ticked: Any = deployment.tick(instance, "chore_due_sensor")
    assert [request.run_config["ops"]["run_maintenance"]["config"]["names"] for request in ticked.run_requests] == [
        ["library"]
    ]
    with hold(deployment.settings.var_dir / "locks", WATCH_LOCK, what="watch", at=datetime.now(UTC)):
        watched: Any = deployment.tick(instance, "chore_due_sensor")
    assert not watched.run_requests  # whoever watches looks by itself
    run_pass(library)
    settled: Any = deployment.tick(instance, "chore_due_sensor")
    assert not settled.run_requests


def test_a_channel_cuts_from_the_library_and_records_the_items(
    deployment: Deployment, instance: dg.DagsterInstance, library: Library
) -> None:
    file_it(library)
    deployment.write_channel("falls", {**NOTES, "video": {"provider": "clips", "library": ["hidden*"]}})
    graph = deployment.defs.resolve_asset_graph()
    upstream = graph.get(dg.AssetKey(["falls", "raw_segments"])).parent_keys
    assert dg.AssetKey(["library", "in_library"]) in upstream
    assert FILED_FOOTAGE.asset_key == item_key("file"), "what channels depend on is what is made here"
    result = deployment.run(instance, "make_day_falls", today())
    assert result.success, failures(result)
    with deployment.project() as project:
        record = project.contents.manifest(f"falls-{today()}").stages["raw_segments"]
    assert {cut["item"] for cut in record.parameters["footage"]} == {FALLS.item_id}


def test_filing_rebuilds_throughput_only_where_a_library_is_set(
    deployment: Deployment, library: Library, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    mart = dg.AssetKey(["library", "throughput"])
    instance.add_dynamic_partitions("library_items", [FALLS.item_id])
    at = datetime.combine(today(), time(12), tzinfo=ZoneInfo(ZONE))
    first = dg.evaluate_automation_conditions(deployment.defs, instance, evaluation_time=at)
    filed = dg.AssetMaterialization(dg.AssetKey(["library", "in_library"]), partition=FALLS.item_id)
    instance.report_runless_asset_event(filed)
    later = at + timedelta(minutes=1)
    second = dg.evaluate_automation_conditions(deployment.defs, instance, evaluation_time=later, cursor=first.cursor)
    assert today().isoformat() in second.get_requested_partitions(mart)
    assert len(second.get_requested_partitions(mart)) <= 3
    monkeypatch.delenv("DAYREEL_LIBRARY")
    graph = build_defs(load_settings(deployment.root)).resolve_asset_graph()
    assert graph.get(mart).automation_condition is None


def test_the_chores_started_by_hand_are_all_or_those_named(
    deployment: Deployment, library: Library, instance: dg.DagsterInstance
) -> None:
    def do(**config: Any) -> list[str]:
        job = deployment.defs.resolve_job_def("maintenance")
        assert job.execute_in_process(
            instance=instance, run_config={"ops": {"run_maintenance": {"config": config}}}
        ).success
        with library.project.catalog.read() as connection:
            return [queued.role for queued in jobs_of(connection)]

    assert do(names=["reviews", "library_cards"]) == []
    assert do() == ["remux"]
