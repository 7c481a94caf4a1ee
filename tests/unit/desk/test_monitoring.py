"""What machines ask that watch over the desk: alive, ready, and how much there is of everything."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from dayreel.errors import StoreError
from dayreel.queries.gauges import gauges
from dayreel.services.project import Project
from tests.fakes.desk import Browser, person
from tests.fakes.rows import add_content, add_effect, add_post


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_viewer_reads_contents_posts_money_and_doubts(project: Project, desk: Starlette) -> None:
    now = project.clock.now()
    add_post(project.catalog, "crafts-2026-11-18", 1, at=now)
    add_content(project.catalog, "crafts-2026-11-19", "rendering", at=now - timedelta(hours=2))
    add_effect(project.catalog, "crafts-2026-11-19", at=now, id=2, reserved_usd=Decimal("0.25"), spent_on=now.date())
    add_content(project.catalog, "crafts-2026-11-17", "posted", at=now, world="live")
    vera = person(desk, "Vera", "viewer")
    answer = vera.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    shown = samples(answer.text)
    assert shown["dayreel_contents", "posted"] == 1, "the live world is another one"
    assert shown["dayreel_contents", "review_pending"] == 1
    assert shown["dayreel_oldest_seconds", "rendering"] == 7200
    assert ("dayreel_oldest_seconds", "posted") not in shown
    assert shown["dayreel_posts", "instagram", "posted"] == 1
    assert shown["dayreel_unknown_outcomes",] == 1
    assert shown["dayreel_spent_usd", "day"] >= 0.25
    assert shown["dayreel_cap_usd", "month"] == 300
    assert shown["dayreel_switch_on",] == 1


def test_numbers_are_for_people_who_are_logged_in(desk: Starlette) -> None:
    stranger = Browser(desk)
    assert stranger.get("/metrics", headers={"accept": "text/plain"}).status_code == 401
    for open_to_all in ("/healthz", "/readyz"):
        assert stranger.get(open_to_all).status_code == 200


def test_without_a_catalog_it_is_alive_and_not_ready(
    project: Project, desk: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_anything: object) -> None:
        raise StoreError("The catalog at /secret/place cannot be read.")

    monkeypatch.setattr(type(project.catalog), "read", gone)
    stranger = Browser(desk)
    answer = stranger.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "The catalog cannot be read.\n")
    assert stranger.get("/healthz").status_code == 200


def test_a_new_project_has_numbers_too(make_project: Callable[..., Project]) -> None:
    names = {gauge.name: gauge.samples for gauge in gauges(make_project())}
    assert names["dayreel_contents"] == ()
    assert names["dayreel_switch_on"] == (({}, True),)
