"""Twenty corruptions: each turns exactly its day red, by the check that names it, and what follows is not made."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pyarrow as pa
import pytest
from sqlalchemy import update

from dayreel.marts.database import schema_of
from dayreel.marts.tables import check_content
from dayreel.schemas.content import PromptSet
from dayreel.schemas.manifest import Manifest
from dayreel.schemas.mart import KEY_CHECK, NULL_CHECK, ROWS_CHECK, Mart
from dayreel.stores.catalog.tables import platform_posts
from tests.days import ZONE, days_ago, today
from tests.orchestration.conftest import Made
from tests.orchestration.deployment import Deployment
from tests.unit.marts.test_declared import row_of

Corrupt = Callable[[Manifest], dict[str, Any]]
BROKEN = days_ago(1)
DAYS = (days_ago(2), BROKEN, today())
# Mart, the check that names it, and what is wrong with the rows of the broken day.
OF_MARTS: tuple[tuple[str, str, list[dict[str, Any]]], ...] = (
    ("engagement/daily", KEY_CHECK, [{}, {}]),
    ("engagement/daily", "total_is_gained_less_taken_back", [{"views": 10, "views_gained": 12}]),
    ("engagement/daily", "missing_is_null_not_zero", [{"status": "missing", "reason": "HTTP 503"}]),
    ("engagement/cohorts", NULL_CHECK, [{"channel": None}]),
    ("engagement/cohorts", "age_is_between_its_snapshots", [{"after_h": 0.5}]),
    ("content/performance", "costs_add_up", [{"cost_usd": Decimal(1)}]),
    ("factory/health", "outcomes_are_attempts", [{"completed": 9}]),
    ("finance/projection", ROWS_CHECK, []),
    ("finance/spend", "spent_is_the_sum", [{"spent_usd": Decimal(9)}]),
    ("review/outcomes", "verdict_is_known", [{"verdict": "liked"}]),
)


def segments(manifest: Manifest, **changes: Any) -> dict[str, Any]:
    """Return the segments with a last one that is changed."""
    *others, last = manifest.segments
    return {"segments": (*others, last.model_copy(update=changes))}


def prompts(manifest: Manifest, **changes: Any) -> dict[str, Any]:
    """Return the prompts with a last one that is changed."""
    assert manifest.prompts is not None
    *others, last = manifest.prompts.prompts
    return {"prompts": PromptSet(prompts=(*others, last.model_copy(update=changes)))}


def idea(manifest: Manifest, **changes: Any) -> dict[str, Any]:
    assert manifest.idea is not None
    return {"idea": manifest.idea.model_copy(update=changes)}


def final_video(manifest: Manifest, **changes: Any) -> dict[str, Any]:
    assert manifest.final_video is not None
    return {"final_video": manifest.final_video.model_copy(update=changes)}


def first_prompt_alone(manifest: Manifest) -> dict[str, Any]:
    assert manifest.prompts is not None
    return {"prompts": PromptSet(prompts=manifest.prompts.prompts[:1])}


# Stage, the check that names it, and what somebody has done to the manifest.
OF_CONTENTS: tuple[tuple[str, str, Corrupt], ...] = (
    ("ideas", "texts_are_not_empty", lambda manifest: idea(manifest, caption="   ")),
    ("prompts", "texts_are_not_empty", lambda manifest: prompts(manifest, video_prompt=" ")),
    ("prompts", "one_per_segment", first_prompt_alone),
    ("raw_segments", "segments_count_from_one", lambda manifest: segments(manifest, sequence=3)),
    ("raw_segments", "pictures_have_a_size", lambda manifest: segments(manifest, duration_s=0.0)),
    ("raw_segments", "files_differ", lambda manifest: segments(manifest, file=manifest.segments[0].file)),
    ("final_video", "picture_has_a_size", lambda manifest: final_video(manifest, width=0)),
)
# The other texts that the same checks look at.
OF_TEXTS: tuple[tuple[str, str, Corrupt], ...] = (
    ("ideas", "texts_are_not_empty", lambda manifest: idea(manifest, topic="  ")),
    ("ideas", "texts_are_not_empty", lambda manifest: idea(manifest, idea=" " * 12)),
    ("prompts", "texts_are_not_empty", lambda manifest: prompts(manifest, audio_prompt="")),
)
# One of each stage: what makes a failed check stop the rest is the same for all checks of a stage.
OF_STAGES = tuple({case[0]: case for case in OF_CONTENTS}.values())


@pytest.fixture(scope="module")
def crafts(bought_once: Made, place: Path) -> Deployment:
    return bought_once.deployment.copy(place / "contracts")


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[dict[str, Any]]], None]:
    """Have a mart built with sound rows, and with these of the broken day; every other mart with sound ones."""

    def let(name: str, broken: list[dict[str, Any]]) -> None:
        def rows(mart: Mart, day: date, changes: list[dict[str, Any]]) -> Any:
            made = [row_of(mart, **({"day": day} | change)) for change in changes]
            return pa.Table.from_pylist(made, schema=schema_of(mart))

        def built(_records: Any, _files: Any, mart: Mart, keys: list[str]) -> dict[str, Any]:
            days = {key: date.fromisoformat(key) for key in keys}
            return {
                key: rows(mart, day, broken if (mart.name, day) == (name, BROKEN) else [{}])
                for key, day in days.items()
            }

        monkeypatch.setattr("dayreel.marts.build.build_partitions", built)

    return let


def rebuild(deployment: Deployment, instance: dg.DagsterInstance, *names: str) -> dg.ExecuteInProcessResult:
    """Build marts of all three days in one run, as a backfill does."""
    return deployment.defs.resolve_job_def("marts").execute_in_process(
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": DAYS[0].isoformat(),
            "dagster/asset_partition_range_end": DAYS[-1].isoformat(),
        },
        asset_selection=[dg.AssetKey(name.split("/")) for name in names],
        raise_on_error=False,
    )


def red(result: dg.ExecuteInProcessResult) -> set[tuple[str, str | None]]:
    """Return check and partition of everything that failed."""
    return {(check.check_name, check.partition) for check in result.get_asset_check_evaluations() if not check.passed}


@pytest.mark.parametrize(("name", "check", "broken"), OF_MARTS, ids=[f"{name}: {check}" for name, check, _ in OF_MARTS])
def test_a_corrupt_day_of_a_mart_is_red_and_no_other(
    crafts: Deployment, instance: dg.DagsterInstance, build: Any, name: str, check: str, broken: list[dict[str, Any]]
) -> None:
    """One whose key is broken is not written either; the others of the same run are."""
    build(name, broken)
    folder = crafts.settings.var_dir / "marts" / name
    for path in folder.glob("*.parquet"):
        path.unlink()
    result = rebuild(crafts, instance, name)
    assert not result.success
    assert red(result) == {(check, BROKEN.isoformat())}
    is_written = check != KEY_CHECK
    assert {path.stem for path in folder.glob("*.parquet")} == {
        day.isoformat() for day in DAYS if is_written or day != BROKEN
    }
    made = instance.get_materialized_partitions(dg.AssetKey(name.split("/")))
    assert made == {path.stem for path in folder.glob("*.parquet")}


def test_what_follows_a_corrupt_day_is_not_built(crafts: Deployment, instance: dg.DagsterInstance, build: Any) -> None:
    """Neither in the same run nor by itself later on, until the day is sound again."""
    projection = dg.AssetKey(["finance", "projection"])
    noon = datetime.combine(today(), time(12), tzinfo=ZoneInfo(ZONE))

    def evaluate(minute: int, cursor: Any) -> Any:
        return dg.evaluate_automation_conditions(
            crafts.defs,
            instance,
            asset_selection=dg.AssetSelection.assets(projection),
            evaluation_time=noon + timedelta(minutes=minute),
            cursor=cursor,
        )

    first = evaluate(0, None)
    build("finance/spend", [{"spent_usd": Decimal(9)}])
    result = rebuild(crafts, instance, "finance/spend", "finance/projection")
    assert red(result) == {("spent_is_the_sum", BROKEN.isoformat())}
    assert not result.asset_materializations_for_node("finance__projection")
    second = evaluate(1, first.cursor)
    requested = set(second.get_requested_partitions(projection) or ())
    assert DAYS[0].isoformat() in requested
    assert BROKEN.isoformat() not in requested
    build("finance/spend", [{}])
    assert rebuild(crafts, instance, "finance/spend").success
    assert BROKEN.isoformat() in (evaluate(2, second.cursor).get_requested_partitions(projection) or ())


def test_every_check_of_a_stage_stops_what_follows(crafts: Deployment) -> None:
    """So that one corruption of a stage shows what any other would do."""
    graph = crafts.defs.resolve_asset_graph()
    keys = [dg.AssetCheckKey(dg.AssetKey(["crafts", stage]), check) for stage, check, _ in OF_CONTENTS]
    assert [key for key in keys if not graph.get(key).blocking] == []


@pytest.mark.parametrize(
    ("stage", "check", "corrupt"), OF_STAGES, ids=[f"{stage}: {check}" for stage, check, _ in OF_STAGES]
)
def test_a_corrupt_content_stops_what_is_made_of_it(
    crafts: Deployment,
    instance: dg.DagsterInstance,
    stage: str,
    check: str,
    corrupt: Callable[[Manifest], dict[str, Any]],
) -> None:
    path = crafts.settings.content_dir / f"crafts-{today()}" / "metadata.json"
    before = path.read_bytes()
    with crafts.project() as project:
        project.contents.update(f"crafts-{today()}", **corrupt(project.contents.manifest(f"crafts-{today()}")))
    result = crafts.run(instance, "make_day_crafts", today())
    path.write_bytes(before)
    assert not result.success
    assert check in {name for name, _ in red(result)}
    assert {partition for _, partition in red(result)} == {today().isoformat()}
    stages = ("ideas", "prompts", "raw_segments", "final_video")
    begun = {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}
    assert begun == set(stages[: stages.index(stage) + 1])


@pytest.mark.parametrize(
    ("stage", "check", "corrupt"),
    # How many prompts there should be is asked of the channel, in the run above.
    [case for case in OF_CONTENTS + OF_TEXTS if case[1] != "one_per_segment"],
)
def test_every_corruption_of_a_content_has_its_check(
    crafts: Deployment, stage: str, check: str, corrupt: Callable[[Manifest], dict[str, Any]]
) -> None:
    content_id = f"crafts-{today()}"
    path = crafts.settings.content_dir / content_id / "metadata.json"
    before = path.read_bytes()
    with crafts.project() as project:
        project.contents.update(content_id, **corrupt(project.contents.manifest(content_id)))
        checks = check_content(project, stage, content_id)
    path.write_bytes(before)
    assert check in [result.name for result in checks if not result.passed]


def test_a_post_without_its_time_is_red(made: Deployment, instance: dg.DagsterInstance) -> None:
    """It is out, so nothing of it is sent again: the day says that its record is broken."""
    content_id = f"notes-{today()}"
    made.decide(content_id, "approved")
    post = ["notes", "posts", "outbox"]
    assert made.run(instance, "publish", today(), ["notes", "reviews"], post).success
    with made.project() as project, project.catalog.write() as connection:
        connection.execute(update(platform_posts).values(posted_at=None))
    result = made.run(instance, "publish", today(), post)
    assert red(result) == {("posted_has_a_time", today().isoformat())}
