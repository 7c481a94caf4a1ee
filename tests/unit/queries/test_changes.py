"""What has changed since a moment, on both databases; and one word for all the renders of a content."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from dayreel.providers.platforms.contract import Receipt
from dayreel.queries.changes import changes_since, newest_marker
from dayreel.queries.renders import render_state
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import note_post, settle_post
from dayreel.stores.catalog.tables import state_transitions
from tests.fakes.catalogs import fresh_catalog
from tests.fakes.project import reviewable
from tests.fakes.rows import add_try


def test_the_change_marker_works_on_both_databases(catalog_url: str, make_project: Callable[..., Project]) -> None:
    project = make_project(catalog=fresh_catalog(catalog_url))
    assert newest_marker(project) == 0
    row = reviewable(project)
    before = newest_marker(project)
    assert changes_since(project, before).contents == {}
    fire(project, row.id, 2, "start", progress=0, detail="queued")
    changes = changes_since(project, before)
    assert changes.marker > before
    assert changes.contents[row.id].renders[0].sequence == 2


def test_a_post_that_fails_or_is_out_is_a_change(make_project: Callable[..., Project]) -> None:
    project = make_project()
    content_id = add_try(project.catalog, "crafts-2026-11-20", state="sending", effect="sent")
    steps = []
    for state in ("failed", "failed", "processing", "unknown"):
        before = newest_marker(project)
        if state == "processing":
            settle_post(project, content_id, "instagram", Receipt("processing", "p1", None))
        else:
            note_post(project, content_id, "instagram", state=state, error="refused")
        contents = changes_since(project, before).contents
        steps.append([post.state for status in contents.values() for post in status.posts])
    assert steps == [["failed"], [], ["processing"], []], "neither the same state again nor what is out already"


@pytest.mark.postgres
def test_a_marker_that_is_committed_late_is_noticed(postgres_url: str, make_project: Callable[..., Project]) -> None:
    """Numbers are given out before the commit, so a lower one may appear after a higher one was read."""
    project = make_project(catalog=fresh_catalog(postgres_url))
    row = reviewable(project)
    fire(project, row.id, 1, "start", progress=0, detail="queued")
    with project.catalog.write() as connection:
        late = connection.execute(select(func.max(state_transitions.c.id))).scalar_one()
        kept = dict(
            connection.execute(select(state_transitions).where(state_transitions.c.id == late)).mappings().one()
        )
        connection.execute(state_transitions.update().where(state_transitions.c.id == late).values(id=late + 1))
    seen = changes_since(project, late + 1)
    assert (seen.contents, changes_since(project, late + 1, seen.window).contents) == ({}, {})
    with project.catalog.write() as connection:
        connection.execute(state_transitions.insert().values(**kept))
    assert list(changes_since(project, late + 1, seen.window).contents) == [row.id]


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ([], "idle"),
        (["completed", "completed"], "completed"),
        (["completed", "queued"], "queued"),
        (["queued", "rendering"], "rendering"),
        (["failed", "rendering"], "failed"),
        (["idle"], "idle"),
    ],
)
def test_the_renders_of_a_content_are_summed_up_in_one_word(states: list[str], word: str) -> None:
    assert render_state(states) == word
