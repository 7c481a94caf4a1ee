"""The marts in the graph: rebuilt by themselves when what they are made from changed, one run for many days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dayreel.marts.declared import MARTS
from dayreel.schemas.mart import KEY_CHECK
from pipeline_assets.chart_assets import build_charts
from pipeline_assets.definitions import default_resources
from pipeline_assets.mart_assets import build_marts, build_periods
from pipeline_assets.partitions import daily_partitions
from tests.days import ZONE, days_ago, today
from tests.orchestration.deployment import NOTES, Deployment

DAILY = [mart for mart in MARTS.values() if mart.every == "day"]


@dataclass(frozen=True)
class Rebuilt:
    """A deployment whose marts of three days were made in one run. Its tests may add to it, and none takes away."""

    deployment: Deployment
    instance: dg.DagsterInstance


@pytest.fixture(scope="module")
def rebuilt(place: Path, footage: Path) -> Iterator[Rebuilt]:
    deployment = Deployment.new(place / "marts", {"notes": NOTES}, footage=footage)
    with dg.DagsterInstance.ephemeral() as instance:
        assert over(deployment, instance, days_ago(2), today()).success
        yield Rebuilt(deployment, instance)


def over(deployment: Deployment, instance: dg.DagsterInstance, first: date, last: date) -> dg.ExecuteInProcessResult:
    """Run the job `marts` once over several days, as a backfill does."""
    tags = {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }
    return deployment.defs.resolve_job_def("marts").execute_in_process(
        instance=instance, tags=tags, raise_on_error=False
    )


def metadata_by_label(record: dg.EventLogRecord) -> dict[str, dg.MetadataValue[Any]]:
    """Return what a materialization says about itself."""
    assert record.asset_materialization is not None
    return dict(record.asset_materialization.metadata)


def files_of(deployment: Deployment) -> dict[str, bytes]:
    folder = deployment.settings.var_dir / "marts"
    paths = (path for mart in DAILY for path in folder.glob(f"{mart.name}/*.parquet"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_one_run_writes_all_marts_of_several_days_reproducibly(rebuilt: Rebuilt) -> None:
    written = files_of(rebuilt.deployment)
    assert set(written) == {f"{mart.name}/{days_ago(back)}.parquet" for mart in DAILY for back in range(3)}
    assert over(rebuilt.deployment, rebuilt.instance, days_ago(1), today()).success
    assert files_of(rebuilt.deployment) == written


def test_partitions_report_row_counts_and_marts_their_columns(rebuilt: Rebuilt) -> None:
    projection = dg.AssetKey(["finance", "projection"])
    events = rebuilt.instance.fetch_materializations(projection, limit=10).records
    assert {event.partition_key: metadata_by_label(event)["dagster/row_count"].value for event in events} == {
        days_ago(back).isoformat(): 1 for back in range(3)
    }  # a projection has one row a day, also on days on which nothing was spent
    for mart in MARTS.values():
        metadata = rebuilt.deployment.defs.resolve_asset_graph().get(dg.AssetKey(mart.name.split("/"))).metadata
        columns = metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == [column.name for column in mart.columns]
        assert all(column.description for column in columns)


def test_a_mart_file_has_the_declared_columns_and_types(rebuilt: Rebuilt) -> None:
    from dayreel.marts.database import schema_of

    for mart in DAILY:
        path: Path = rebuilt.deployment.settings.var_dir / "marts" / mart.name / f"{today()}.parquet"
        assert pq.read_schema(path).equals(schema_of(mart)), mart.name


def test_weeks_and_months_sum_the_days_that_exist(rebuilt: Rebuilt) -> None:
    deployment = rebuilt.deployment
    marts = build_marts([], daily_partitions(deployment.settings), deployment.settings)
    resources = default_resources(deployment.settings)
    for name, key in (
        ("weekly", (today() - timedelta(days=today().weekday())).isoformat()),
        ("monthly", today().replace(day=1).isoformat()),
    ):
        (asset,) = [mart for mart in marts if mart.key == dg.AssetKey(["summary", name])]
        wanted = {name: resources[name] for name in ("project", "tables")}
        assert dg.materialize([asset], partition_key=key, instance=rebuilt.instance, resources=wanted).success
        assert (deployment.settings.var_dir / "marts" / "summary" / name / f"{key}.parquet").is_file()


def test_weekly_charts_are_on_the_asset_page_and_with_the_marts(rebuilt: Rebuilt) -> None:
    deployment, instance = rebuilt.deployment, rebuilt.instance
    monday = (today() - timedelta(days=today().weekday())).isoformat()
    weeks = build_periods(daily_partitions(deployment.settings), deployment.settings)["week"]
    assert weeks is not None
    wanted = {"project": default_resources(deployment.settings)["project"]}
    assert dg.materialize(
        [build_charts(weeks, "UTC")], partition_key=monday, instance=instance, resources=wanted
    ).success
    (record,) = instance.fetch_materializations(dg.AssetKey(["summary", "charts"]), limit=1).records
    metadata = metadata_by_label(record)
    folder = deployment.settings.var_dir / "marts" / "charts" / monday / "all"
    assert metadata.pop("files").value == str(folder)
    assert sorted(path.stem for path in folder.glob("*.png")) == sorted(metadata)
    assert metadata["approval_rate"].value == "[![approval_rate]({0})]({0})".format(
        f"/charts/{monday}/all/approval_rate.png"
    )


def test_a_measurement_rebuilds_affected_days_and_nothing_paid(rebuilt: Rebuilt) -> None:
    deployment, instance = rebuilt.deployment, rebuilt.instance

    def evaluate(cursor: Any, at: datetime) -> Any:
        return dg.evaluate_automation_conditions(deployment.defs, instance, evaluation_time=at, cursor=cursor)

    at = datetime.combine(today(), time(12), tzinfo=ZoneInfo(ZONE))
    first = evaluate(None, at)
    snapshots = dg.AssetMaterialization(dg.AssetKey(["engagement", "snapshots"]), partition=today().isoformat())
    instance.report_runless_asset_event(snapshots)
    evaluated = evaluate(first.cursor, at + timedelta(minutes=1))
    wanted = {
        key.to_user_string(): evaluated.get_requested_partitions(key)
        for key in deployment.defs.resolve_asset_graph().materializable_asset_keys
        if evaluated.get_requested_partitions(key)
    }
    assert set(wanted) <= {*MARTS, "summary/charts"}, wanted  # only marts are ever asked for
    assert today().isoformat() in wanted["engagement/daily"]
    assert today().isoformat() in wanted["engagement/cohorts"]


def test_the_automation_sensor_runs_and_covers_only_the_marts(deployment: Deployment) -> None:
    sensor = deployment.defs.get_repository_def().get_sensor_def("marts_automation_sensor")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.asset_selection is not None
    covered = sensor.asset_selection.resolve(deployment.defs.resolve_asset_graph())
    assert {key.to_user_string() for key in covered} == {*MARTS, "summary/charts"}


def test_checks_are_recorded_and_a_broken_key_is_not_written(rebuilt: Rebuilt, monkeypatch: pytest.MonkeyPatch) -> None:
    from dayreel.marts.database import schema_of

    deployment, instance, mart = rebuilt.deployment, rebuilt.instance, MARTS["finance/projection"]
    sound = deployment.run(instance, "marts", today(), ["finance", "projection"])
    recorded = {check.check_name: check.passed for check in sound.get_asset_check_evaluations()}
    assert recorded == dict.fromkeys(mart.contract, True)
    path = deployment.settings.var_dir / "marts" / mart.name / f"{today()}.parquet"
    before = path.read_bytes()
    (row,) = pq.read_table(path).to_pylist()
    twice = pa.Table.from_pylist([row, row | {"spent_usd": Decimal(-1)}], schema=schema_of(mart))
    monkeypatch.setattr("dayreel.marts.build.build_partitions", lambda *_args: {today().isoformat(): twice})
    broken = deployment.run(instance, "marts", today(), ["finance", "projection"])
    assert not broken.success
    assert {check.check_name for check in broken.get_asset_check_evaluations() if not check.passed} == {
        KEY_CHECK, "amounts_are_not_negative",
    }  # fmt: skip
    assert path.read_bytes() == before
