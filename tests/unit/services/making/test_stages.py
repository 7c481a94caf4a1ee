"""A stage: done once, made again when its inputs or its files change, resumed where it failed, one at a time."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from dayreel.errors import BusyError, ConfigurationError, GateClosedError, MediaError, PermanentError, UsageError
from dayreel.queries.rows import ContentRow
from dayreel.schemas.content import Idea, NarrationTrack
from dayreel.services.making.open_content import content_scope, open_content
from dayreel.services.making.stages import Product, StageResult, Work, part_of_stage, run_stage
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import processing_logs
from tests.fakes.project import DAY, channel_of, content_row, reviewable, transitions

ID = "crafts-2026-11-20"
IDEA = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
NO = PermanentError(attempted="buy", answer="HTTP 402 out of credit")


class Killed(BaseException):
    pass


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    return make_project(run_id="run-1", actor="ana")


@pytest.fixture
def row(project: Project) -> ContentRow:
    return open_content(project, channel_of(project), DAY)


def run(project: Project, row: ContentRow, fingerprint: str = "f1", *, made: list[str] | None = None) -> StageResult:
    def make() -> Product:
        if made is not None:
            made.append(fingerprint)
        return Product({"idea": IDEA}, {"idea": IDEA.idea}, Decimal("0.5"), (7,), {"n": 1})

    return run_stage(project, row, Work("ideas", fingerprint, "anthropic", "m"), make)


def fail(project: Project, row: ContentRow, error: BaseException = NO) -> None:
    def make() -> Product:
        raise error

    run_stage(project, row, Work("prompts", "p1", "openai"), make)


def logs(project: Project) -> list[dict[str, Any]]:
    with project.catalog.read() as connection:
        query = select(processing_logs).order_by(processing_logs.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_stage_is_reused_while_its_fingerprint_is_unchanged(project: Project, row: ContentRow) -> None:
    made: list[str] = []
    first, second = run(project, row, made=made), run(project, row, made=made)
    assert (first.reused, second.reused, made) == (False, True, ["f1"])
    assert second.record == first.record
    assert run(project, row, "f2", made=made).reused is False
    assert made == ["f1", "f2"]
    assert [(log["status"], log["layer"], log["cost_usd"], log["run_id"]) for log in logs(project)] == [
        ("completed", "idea", Decimal("0.5"), "run-1")
    ] * 2


def test_a_damaged_or_missing_file_is_made_again(project: Project, row: ContentRow) -> None:
    path = project.contents.folder(ID) / "narration.mp3"

    def speak() -> Product:
        path.write_bytes(b"spoken")
        file = project.contents.record(ID, path)
        return Product({"narration": NarrationTrack(file=file, duration_s=1, provider="edge", voice="v")})

    work = Work("narration", "f1", "edge")
    assert run_stage(project, row, work, speak).reused is False
    assert run_stage(project, row, work, speak).reused is True
    path.write_bytes(b"spokem")
    assert run_stage(project, row, work, speak).reused is False
    path.unlink()
    assert run_stage(project, row, work, speak).reused is False
    assert path.read_bytes() == b"spoken"


def test_a_failed_stage_is_logged_and_the_next_run_continues(project: Project, row: ContentRow) -> None:
    run(project, row)
    with pytest.raises(PermanentError):
        fail(project, row)
    failed = content_row(project, ID)
    assert (failed.state, failed.last_good_state) == ("failed", "scripting")
    assert "out of credit" in str(failed.error)
    assert (logs(project)[-1]["status"], "out of credit" in logs(project)[-1]["error_message"]) == ("failed", True)
    run_stage(project, row, Work("prompts", "p1", "openai"), lambda: Product({}))
    assert (content_row(project, ID).state, content_row(project, ID).error) == ("scripting", None)
    assert [event for _, event, _ in transitions(project, ID)] == ["script", "script", "fail", "retry", "script"]
    assert run(project, row).reused is True


def test_a_killed_process_leaves_a_stage_that_is_simply_made(project: Project, row: ContentRow) -> None:
    with pytest.raises(Killed):
        fail(project, row, Killed())
    assert content_row(project, ID).state == "scripting"
    run_stage(project, row, Work("prompts", "p1", "openai"), lambda: Product({}))
    assert [log["status"] for log in logs(project)] == ["started", "completed"]


def test_dying_around_the_manifest_leaves_both_sides_complete(
    project: Project, row: ContentRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog's columns come first: a stage that counts as done is never without them."""

    def die(*_arguments: object, **_fields: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(project.contents, "update", die)
        with pytest.raises(Killed):
            run(project, row)
    assert content_row(project, ID).idea == IDEA.idea
    assert run(project, row).reused is False
    assert run(project, row).reused is True


def test_a_second_process_on_the_same_content_is_refused(project: Project, row: ContentRow) -> None:
    with (
        project.leases.held(content_scope(ID), what=f"make prompts of {ID}", at=project.clock.now()),
        pytest.raises(BusyError, match=f"to make prompts of {ID}"),
    ):
        run(project, row)
    assert (content_row(project, ID).state, logs(project)) == ("pending", [])


def test_the_record_shows_provider_duration_cost_and_parameters(project: Project, row: ContentRow) -> None:
    def slow() -> Product:
        project.clock.sleep(2.5)
        return Product({}, cost_usd=Decimal("0.1"), effect_ids=(3, 4), parameters={"count": 2})

    record = run_stage(project, row, Work("prompts", "p9", "openai", "gpt-6-luna"), slow).record
    assert record.model_dump(mode="json") == {
        "fingerprint": "p9",
        "finished_at": "2026-11-20T09:00:02.500000Z",
        "duration_s": 2.5,
        "provider": "openai",
        "model": "gpt-6-luna",
        "cost_usd": "0.1",
        "run_id": "run-1",
        "effect_ids": [3, 4],
        "parameters": {"count": 2},
    }


@pytest.mark.parametrize("error", [ConfigurationError("no key"), MediaError("no frame"), GateClosedError("held")])
def test_what_a_stage_needs_first_is_part_of_it(project: Project, error: Exception) -> None:
    for _ in range(2):  # tried again, it stays failed, and nothing piles up
        with pytest.raises(type(error)), part_of_stage(project, channel_of(project), DAY, "ideas"):
            raise error
    failed = content_row(project, ID)
    assert (failed.state, failed.last_good_state, failed.error) == ("failed", "scripting", str(error))
    assert [(log["status"], log["error_message"]) for log in logs(project)] == [("failed", str(error))]
    assert run(project, failed).reused is False
    assert content_row(project, ID).state == "scripting"


def test_another_reason_replaces_the_first_one(project: Project) -> None:
    for words in ("no key", "no template"):
        with pytest.raises(ConfigurationError), part_of_stage(project, channel_of(project), DAY, "prompts"):
            raise ConfigurationError(words)
    assert content_row(project, ID).error == "no template"


def test_a_failed_stage_is_not_written_down_twice(project: Project, row: ContentRow) -> None:
    with pytest.raises(PermanentError), part_of_stage(project, channel_of(project), DAY, "prompts"):
        fail(project, row)
    assert [log["status"] for log in logs(project)] == ["failed"]


@pytest.mark.parametrize("error", [UsageError("no idea yet"), BusyError("another is at it")])
def test_a_wrong_request_fails_no_content(project: Project, row: ContentRow, error: Exception) -> None:
    with pytest.raises(type(error)), part_of_stage(project, channel_of(project), DAY, "prompts"):
        raise error
    assert content_row(project, ID).state == "pending"


def test_a_video_in_review_is_not_failed_by_a_look(project: Project) -> None:
    reviewable(project, day=DAY)
    with pytest.raises(ConfigurationError), part_of_stage(project, channel_of(project), DAY, "raw_segments"):
        raise ConfigurationError("the model is gone")
    assert content_row(project, ID).state == "review_pending"
