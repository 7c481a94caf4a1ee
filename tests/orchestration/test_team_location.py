"""examples/dayreel-team and the notebook of the docs, on a project whose day was made, posted and measured."""

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from run_notebook import run_notebook
from sqlalchemy import insert

from dayreel.marts.build import mart_files, refresh_marts
from dayreel.marts.query import answer, opened_marts
from dayreel.stores.catalog.tables import metric_snapshots, platform_posts
from pipeline_assets.published import asset_specs
from tests.days import days_ago, today
from tests.orchestration.conftest import Made
from tests.orchestration.deployment import ROOT, Deployment

MODEL_VIEWS = dg.AssetKey(["team", "views_by_model"])
PROMPT_VIEWS = dg.AssetKey(["team", "prompt_views_crafts"])
WEEK = dg.PartitionKeyRange(days_ago(6).isoformat(), today().isoformat())


@dataclass(frozen=True)
class Team:
    """The example's location beside a project whose content has 1,234 views at seven days."""

    deployment: Deployment
    defs: dg.Definitions


@pytest.fixture(scope="module")
def team(bought_once: Made, place: Path) -> Iterator[Team]:
    deployment = bought_once.deployment.copy(place / "team")
    content_id = f"crafts-{today()}"
    decision_id = deployment.decide(content_id, "approved")
    deployment.add_effect(content_id, id=9001, kind="post", target="youtube", layer="distribution", state="confirmed")
    with deployment.project() as project:
        at = project.clock.now() - timedelta(days=7)
        post = {"id": 1, "content_id": content_id, "platform": "youtube", "post_id": "p1"}
        with project.catalog.write() as connection:
            connection.execute(
                insert(platform_posts).values(
                    **post, account="a", effect_id=9001, decision_id=decision_id, state="posted",
                    video_sha256="0" * 64, posted_at=at, posted_on=at.date(), updated_at=at,
                )
            )  # fmt: skip
            connection.execute(
                insert(metric_snapshots).values(
                    post_row_id=1, content_id=content_id, platform="youtube", post_id="p1", age_h=168.0, views=1234,
                    observed_at=project.clock.now(), observed_on=today(), simulated=True,
                )
            )  # fmt: skip
        refresh_marts(project, [days_ago(back) for back in range(6, -1, -1)])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(deployment.root)
        patch.syspath_prepend(str(ROOT / "examples" / "dayreel-team" / "src"))
        yield Team(deployment, importlib.import_module("dayreel_team.definitions").defs)


def test_the_location_loads_beside_dayreels_own(team: Team) -> None:
    """What it takes from dayreel are the same keys, partitions and columns, and nothing that it could start."""
    dg.Definitions.validate_loadable(team.defs)
    graph, theirs = team.defs.resolve_asset_graph(), team.deployment.defs.resolve_asset_graph()
    published = {spec.key for spec in asset_specs(team.deployment.settings)}
    assert published == theirs.materializable_asset_keys - {dg.AssetKey(["summary", "charts"])}
    assert graph.materializable_asset_keys == {MODEL_VIEWS, PROMPT_VIEWS}
    for key in published:
        mine, other = graph.get(key), theirs.get(key)
        assert (mine.partitions_def, mine.group_name) == (other.partitions_def, other.group_name)
        assert mine.metadata.get("dagster/column_schema") == other.metadata.get("dagster/column_schema")
    assert graph.get(MODEL_VIEWS).parent_keys == {dg.AssetKey(["content", "performance"])}
    assert {key.name for key in graph.get_check_keys_for_assets({MODEL_VIEWS})} >= {"measured_are_contents"}


def test_a_week_of_the_teams_tables_is_backfilled_in_a_run(team: Team, instance: dg.DagsterInstance) -> None:
    span = {"dagster/asset_partition_range_start": WEEK.start, "dagster/asset_partition_range_end": WEEK.end}
    job = team.defs.resolve_implicit_global_asset_job_def()
    for key in (MODEL_VIEWS, PROMPT_VIEWS):
        run = job.execute_in_process(instance=instance, tags=span, asset_selection=[key])
        assert run.success
        assert instance.get_materialized_partitions(key) == {days_ago(back).isoformat() for back in range(7)}
    with team.defs.get_asset_value_loader(instance) as loader:
        rows: Any = loader.load_asset_value(PROMPT_VIEWS, python_type=pd.DataFrame, partition_key_range=WEEK)
        models: Any = loader.load_asset_value(MODEL_VIEWS, python_type=pd.DataFrame)
    assert list(zip(rows["segment"], rows["views_7d"], strict=True)) == [(1, 1234), (2, 1234)]
    assert list(zip(models["prompt_model"], models["views_7d"], strict=True)) == [("gpt-6-luna", 1234)]
    with team.deployment.project() as project, opened_marts(mart_files(project)) as marts:
        assert answer(marts, "SELECT sum(views_7d) FROM team_views_by_model").to_pylist()[0].popitem()[1] == 1234


def test_the_notebook_joins_prompts_to_seven_day_views(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team.deployment.root)
    notebook = json.loads((ROOT / "docs" / "tutorials" / "prompts-and-views.ipynb").read_text(encoding="utf-8"))
    stored = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(stored), "run it: docs/run_notebook.py"
    joined = run_notebook(notebook)["joined"]
    assert list(zip(joined["segment"], joined["views_7d"], strict=True)) == [(1, 1234), (2, 1234)]
