"""Snapshots in the graph: gaps fail a check and stay gaps, no past is invented, and the lineage names the posts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import select

from dayreel.errors import TransientError
from dayreel.providers.platforms.contract import Counters
from dayreel.schemas.mart import WINDOW_DAYS
from dayreel.services.measure_posts import ONLY_DUE
from dayreel.stores.catalog.tables import metric_snapshots
from pipeline_assets.definitions import build_defs
from pipeline_assets.engagement_assets import SNAPSHOTS
from tests.days import days_ago, today
from tests.fakes.bucket import running_bucket
from tests.fakes.platform import FakePlatform
from tests.fakes.rows import add_post
from tests.orchestration.deployment import CRAFTS, Deployment, failures


class Account:
    """Stands where a platform's resource stands."""

    def __init__(self, platform: FakePlatform) -> None:
        self._platform = platform

    def open(self, _room: Any) -> FakePlatform:
        return self._platform


@pytest.fixture
def measured(make_deployment: Callable[..., Deployment]) -> Callable[..., Deployment]:
    """Return a maker of projects with two posts on Instagram and one on YouTube, which answer as they are set to."""

    def make(**answers: Any) -> Deployment:
        deployment = make_deployment(crafts=CRAFTS)
        with deployment.project() as project:
            for number, (day, platform) in enumerate(
                [(days_ago(3), "instagram"), (days_ago(2), "instagram"), (days_ago(1), "youtube")], start=1
            ):
                add_post(project.catalog, f"crafts-{day}", number, platform, at=project.clock.now())
        accounts = {
            name: dg.ResourceDefinition.hardcoded_resource(Account(FakePlatform(name, counts=counts)))
            for name, counts in answers.items()
        }
        deployment.__dict__["defs"] = build_defs(deployment.settings, resources=accounts)
        return deployment

    return make


def counters_of(*posts: str) -> list[Counters]:
    return [Counters(post, datetime.now(UTC), views=7) for post in posts]


def rows(deployment: Deployment) -> list[str]:
    with deployment.project() as project, project.catalog.read() as connection:
        return list(connection.execute(select(metric_snapshots.c.post_id).order_by(metric_snapshots.c.id)).scalars())


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (check,) = result.get_asset_check_evaluations()
    return check


def test_a_day_passes_its_check_when_every_platform_answered(
    measured: Callable[..., Deployment], instance: dg.DagsterInstance
) -> None:
    deployment = measured(instagram=counters_of("p1", "p2"), youtube=counters_of("p3"))
    result = deployment.run(instance, "measure", today())
    assert result.success, failures(result)
    assert (check_of(result).passed, rows(deployment)) == (True, ["p1", "p2", "p3"])


def test_an_outage_or_deleted_post_warns_and_keeps_the_rest(
    measured: Callable[..., Deployment], instance: dg.DagsterInstance
) -> None:
    down = TransientError(attempted="read counters from youtube", answer="HTTP 503")
    deployment = measured(instagram=counters_of("p2"), youtube=down)
    result = deployment.run(instance, "measure", today())
    assert result.success, failures(result)
    check = check_of(result)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "instagram: no counters of p1: the platform did not answer" in str(check.description)
    assert "HTTP 503" in str(check.description)
    assert rows(deployment) == ["p2"]


def test_a_past_day_is_a_gap_and_not_a_failed_run(
    measured: Callable[..., Deployment], instance: dg.DagsterInstance
) -> None:
    deployment = measured(instagram=counters_of("p1", "p2"), youtube=counters_of("p3"))
    result = deployment.run(instance, "measure", days_ago(1))
    assert result.success, failures(result)
    assert (check_of(result).passed, rows(deployment)) == (False, [])
    assert f"no counters of p1, p2: not measured on {days_ago(1)}" in str(check_of(result).description)


def test_a_later_pull_of_a_day_fills_its_gaps(
    measured: Callable[..., Deployment], instance: dg.DagsterInstance
) -> None:
    down = TransientError(attempted="read counters from youtube", answer="HTTP 503")
    assert not check_of(
        measured(instagram=counters_of("p1", "p2"), youtube=down).run(instance, "measure", today())
    ).passed
    deployment = measured(instagram=counters_of("p1", "p2"), youtube=counters_of("p3"))
    result = deployment.run(instance, "measure", today(), tags=ONLY_DUE)
    assert check_of(result).passed
    assert "p3" in rows(deployment)


def test_a_days_lineage_is_exactly_the_posts_of_its_window(deployment_of_crafts: Deployment) -> None:
    graph = deployment_of_crafts.defs.resolve_asset_graph()
    posts = dg.AssetKey(["crafts", "posts", "instagram"])
    daily, published = graph.get(SNAPSHOTS).partitions_def, graph.get(posts).partitions_def
    assert daily is not None
    assert published is not None
    mapped = (
        graph.get(SNAPSHOTS)
        .partition_mappings[posts]
        .get_upstream_mapped_partitions_result_for_partitions(
            daily.subset_with_partition_keys([today().isoformat()]), daily, published
        )
    )
    expected = [days_ago(back).isoformat() for back in range(WINDOW_DAYS)]
    assert sorted(mapped.partitions_subset.get_partition_keys()) == sorted(expected)


@pytest.fixture
def deployment_of_crafts(make_deployment: Callable[..., Deployment]) -> Deployment:
    return make_deployment(crafts=CRAFTS)


def test_with_a_bucket_every_mart_of_a_run_is_an_object_in_it(
    deployment: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_bucket() as store:
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "key-id"), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", store.url), ("DAYREEL_MARTS_BUCKET", "marts/team"),
        ):  # fmt: skip
            monkeypatch.setenv(name, value)
        result = deployment.run(instance, "marts", today())
        assert result.success, failures(result)
        written = {key for key in store.objects if key.endswith(f"/{today()}.parquet")}
    assert f"/marts/team/finance/projection/{today()}.parquet" in written
    assert len(written) == len(store.objects) > 5
    assert not (deployment.settings.var_dir / "marts").exists()
