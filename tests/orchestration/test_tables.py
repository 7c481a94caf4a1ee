"""Tables as people ask for them: marts, what a channel made and a team's own, in every form, over any partitions."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dayreel.errors import ConfigurationError, UsageError
from dayreel.marts.build import refresh_marts
from dayreel.marts.content_tables import CONTENT_TABLES
from dayreel.marts.database import schema_of
from dayreel.marts.frames import form_of, to_arrow
from dayreel.marts.tables import store_table
from resources.table_io import TableIOManager
from tests.days import ZONE, days_ago, today
from tests.orchestration.conftest import Made
from tests.orchestration.deployment import Deployment

PERFORMANCE = ("content", "performance")
PROMPTS = ("crafts", "prompts")
DAILY = dg.DailyPartitionsDefinition(days_ago(40).isoformat(), timezone=ZONE, end_offset=1)
FORMS: tuple[Any, ...] = (pa.Table, pd.DataFrame, pl.DataFrame, pl.LazyFrame, duckdb.DuckDBPyRelation)


@dataclass(frozen=True)
class Tables:
    """A channel whose day was made, with the marts of today and yesterday, and what loads its assets."""

    deployment: Deployment
    loader: Any  # Dagster does not export its type

    @property
    def tables(self) -> TableIOManager:
        return TableIOManager(root=str(self.deployment.root))

    def load(self, *key: str, form: Any = pa.Table, **partitions: Any) -> Any:
        return self.loader.load_asset_value(dg.AssetKey(key), python_type=form, **partitions)


@pytest.fixture(scope="module")
def crafts(bought_once: Made) -> Iterator[Tables]:
    deployment = bought_once.deployment
    with deployment.project() as project:
        refresh_marts(project, [days_ago(1), today()])
    with deployment.defs.get_asset_value_loader() as loader:
        yield Tables(deployment, loader)


def rows_of(table: Any) -> list[dict[str, Any]]:
    """Return the rows of a table in any form."""
    if isinstance(table, pd.DataFrame):
        return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    if isinstance(table, duckdb.DuckDBPyRelation):
        table = table.to_arrow_table()
    rows: list[dict[str, Any]] = table.to_dicts() if isinstance(table, pl.DataFrame) else table.to_pylist()
    return rows


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.__module__.partition('.')[0]}-{form.__name__}")
@pytest.mark.parametrize("key", [PERFORMANCE, PROMPTS], ids=["a mart", "prompts"])
def test_a_table_loads_in_every_form(crafts: Tables, key: tuple[str, ...], form: Any) -> None:
    table = crafts.load(*key, form=form, partition_key=today().isoformat())
    assert isinstance(table, form)
    assert [row["content_id"] for row in rows_of(table)] == [f"crafts-{today()}"] * (1 if key == PERFORMANCE else 2)


def test_a_downstream_asset_is_given_what_it_annotates(crafts: Tables, instance: dg.DagsterInstance) -> None:
    """The mart is of another code location: a spec alone, whose IO manager is this one's."""
    seen: list[Any] = []
    mart = dg.AssetSpec(dg.AssetKey(PERFORMANCE), partitions_def=DAILY).with_io_manager_key("tables")

    def asset_of(form: Any) -> dg.AssetsDefinition:
        def body(rows: Any) -> None:
            seen.append(rows)

        body.__annotations__["rows"] = form
        name = f"own_{FORMS.index(form)}"
        return dg.asset(name=name, ins={"rows": dg.AssetIn(mart.key)}, partitions_def=DAILY)(body)

    resources = {"tables": crafts.tables, "io_manager": dg.mem_io_manager}
    assets: list[Any] = [mart, *(asset_of(form) for form in FORMS)]
    assert dg.materialize(assets, partition_key=today().isoformat(), instance=instance, resources=resources).success
    assert all(isinstance(rows, form) for rows, form in zip(seen, FORMS, strict=True))


def test_every_asset_of_a_channel_loads_as_a_typed_row(crafts: Tables) -> None:
    """Also where nothing was made: an empty table has every column."""
    names = ("ideas", "prompts", "raw_segments", "final_video", "reviews")
    tables = {name: crafts.load("crafts", name) for name in names} | {
        "posts": crafts.load("crafts", "posts", "youtube")
    }
    assert all(table.schema.equals(schema_of(CONTENT_TABLES[name])) for name, table in tables.items())
    assert {name: table.num_rows for name, table in tables.items()} == {
        "ideas": 1, "prompts": 2, "raw_segments": 2, "final_video": 1, "reviews": 0, "posts": 0,
    }  # fmt: skip
    (idea,) = tables["ideas"].to_pylist()
    assert (idea["content_id"], idea["model"], idea["simulated"]) == (f"crafts-{today()}", "gpt-6-luna", True)
    assert all(len(row["video_prompt"].split()) == row["words"] for row in tables["prompts"].to_pylist())


@pytest.mark.parametrize(
    "partitions",
    [
        {"partition_key": today().isoformat()},
        {"partition_key_range": dg.PartitionKeyRange(days_ago(1).isoformat(), today().isoformat())},
        {},
    ],
    ids=["one", "several", "all"],
)
def test_prompts_join_views_over_any_partitions(crafts: Tables, partitions: dict[str, Any]) -> None:
    prompts = crafts.load(*PROMPTS, form=pd.DataFrame, **partitions)
    views = crafts.load(*PERFORMANCE, form=pd.DataFrame, **partitions)
    joined = prompts.merge(views[["content_id", "views_7d"]], on="content_id")
    assert list(joined["segment"]) == [1, 2]


def test_a_day_without_rows_has_every_column(crafts: Tables) -> None:
    yesterday = crafts.load(*PROMPTS, form=pd.DataFrame, partition_key=days_ago(1).isoformat())
    assert (len(yesterday), "video_prompt" in yesterday) == (0, True)
    snapshots = crafts.load("engagement", "snapshots", form=pd.DataFrame)
    assert (len(snapshots), {"day", "views", "content_id"} <= set(snapshots)) == (0, True)


def test_an_own_asset_is_stored_and_loaded_in_any_form(crafts: Tables, instance: dg.DagsterInstance) -> None:
    """A frame of pandas, polars downstream, and many days in one run as a mapping."""
    days = [days_ago(1).isoformat(), today().isoformat()]

    @dg.asset(key=["team", "words"], partitions_def=DAILY, io_manager_key="tables")
    def words(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return pd.DataFrame({"day": [context.partition_key], "words": [7]})

    @dg.asset(
        key=["team", "twice"],
        partitions_def=DAILY,
        io_manager_key="tables",
        backfill_policy=dg.BackfillPolicy.single_run(),
        ins={"words": dg.AssetIn(["team", "words"])},
    )
    def twice(context: dg.AssetExecutionContext, words: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {key: words.filter(pl.col("day") == key) for key in context.partition_keys}

    defs = dg.Definitions(assets=[words, twice], resources={"tables": crafts.tables}, executor=dg.in_process_executor)
    job = defs.resolve_implicit_global_asset_job_def()
    for day in days:
        run = job.execute_in_process(instance=instance, partition_key=day, asset_selection=[words.key])
        (made,) = run.asset_materializations_for_node("team__words")
        assert made.metadata["dagster/row_count"].value == 1
    span = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[1]}
    assert job.execute_in_process(instance=instance, tags=span, asset_selection=[twice.key]).success
    with defs.get_asset_value_loader(instance) as loader:
        relation: Any = loader.load_asset_value(twice.key, python_type=duckdb.DuckDBPyRelation)
        assert relation.order("day").fetchall() == [(day, 7) for day in days]


def test_what_cannot_be_stored_or_loaded_says_why(
    crafts: Tables, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal_of(value: Any, keys: list[str], key: str = "team/odd") -> str:
        context = dg.build_output_context(asset_key=dg.AssetKey(key.split("/")), partition_key=keys[0])
        monkeypatch.setattr(type(context), "asset_partition_keys", property(lambda _self: keys))
        monkeypatch.setattr(type(context), "has_asset_partitions", property(lambda _self: True))
        with pytest.raises(UsageError) as refused:
            crafts.tables.handle_output(context, value)
        return str(refused.value)

    table = pa.table({"n": [1]})
    assert "a table cannot be loaded or stored as <class 'int'>" in refusal_of(7, ["2026-11-01"]).lower()
    assert "one table for 2 partitions" in refusal_of(table, ["2026-11-01", "2026-11-02"])
    assert "cannot be stored as a file" in refusal_of(table, ["a|b"])
    assert "cannot be stored as a file" in refusal_of(table, ["2026-11-01"], "team/../odd")
    assert "On one side alone: 2026-11-02." in refusal_of({"2026-11-01": table}, ["2026-11-01", "2026-11-02"])
    assert "On one side alone: 2020-01-01." in refusal_of({"2020-01-01": table, "2026-11-01": table}, ["2026-11-01"])
    assert "has other columns than the mart" in refusal_of(table, ["2026-11-01"], "/".join(PERFORMANCE))
    with pytest.raises(UsageError, match="No table of 'team/nothing' was written for any partition"):
        load_elsewhere(crafts.tables, "team/nothing")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'dayreel\[polars]'"):
        load_elsewhere(TableIOManager(root=str(crafts.deployment.root), form="polars"), "/".join(PERFORMANCE))


def test_days_whose_types_differ_name_the_column(crafts: Tables) -> None:
    with crafts.deployment.project() as project:
        for day, value in (("2026-11-01", 1), ("2026-11-02", 1.5), ("2026-11-03", None)):
            store_table(project, "team/drift", day, pa.table({"n": [value]}))
        assert load_elsewhere(crafts.tables, "team/drift")["n"].to_pylist() == [1, 1.5, None]
        store_table(project, "team/drift", "2026-11-04", pa.table({"n": ["one"]}))
    with pytest.raises(UsageError, match=r"'team/drift' are not one table: .*Field n has incompatible types"):
        load_elsewhere(crafts.tables, "team/drift")


def test_an_annotation_may_be_optional_and_a_frame_a_subclass() -> None:
    assert form_of(pd.DataFrame | None) == form_of(pd.DataFrame) == "pandas"
    assert form_of(Any) is None

    class Frame(pd.DataFrame):
        """As geopandas has one."""

    assert to_arrow(Frame({"n": [1]})).to_pylist() == [{"n": 1}]


def load_elsewhere(tables: TableIOManager, key: str) -> Any:
    """Load what another code location makes, as a table without an annotation."""
    spec = dg.AssetSpec(key.split("/")).with_io_manager_key("tables")
    with dg.Definitions([spec], resources={"tables": tables}).get_asset_value_loader() as loader:
        return loader.load_asset_value(spec.key)
