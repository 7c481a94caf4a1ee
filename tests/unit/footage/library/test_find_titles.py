"""Titles from outside: proposed where the plan says so, shown with the question, and never in anybody's way."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import DayreelError, StaleState, StoreError, TransientError, UsageError
from dayreel.footage.library.documents import gates_document
from dayreel.footage.library.gates import answer, look_up_again
from dayreel.footage.library.ingest import disc_name, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.rules.paths import ItemName
from dayreel.footage.schemas.library import FilePlan
from dayreel.footage.stores.reads import jobs_of
from dayreel.providers.lookup.contract import TitleMatch
from dayreel.services.audit import recent_acts
from dayreel.services.project import Project
from dayreel.stores.catalog.engine import Catalog
from tests.fakes.library import drop, item, make_library

FALLS, COAST = movie_name("Hidden Falls", 2018), disc_name("Blue Coast", 2, 1)


class Titles:
    """A service that knows one film and one series, or fails; notes what it was asked, while nobody writes."""

    def __init__(self, error: DayreelError | None = None) -> None:
        self.error = error
        self.asked: list[tuple[str, Any]] = []
        self.catalog: Catalog | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def _say(self, title: str, more: Any, match: TitleMatch) -> TitleMatch | None:
        self.asked.append((title, more))
        assert self.catalog is not None
        self.meanwhile()
        with self.catalog.write("library"):  # it would wait for itself, and fail, if the question held it already
            pass
        if self.error is not None:
            raise self.error
        return match if "Unknown" not in title else None

    def movie(self, title: str, year: int | None) -> TitleMatch | None:
        return self._say(title, year, TitleMatch("movie/7", "Hidden Falls: Uncut", 2019))

    def series(self, title: str, season: int) -> TitleMatch | None:
        return self._say(title, season, TitleMatch("tv/8", "The Blue Coast", 2011, {1: "Low Tide"}))


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(make_project: Callable[..., Project], tiny_clip: Path) -> Ask:
    """Bring an item to the question about its name, and return what a person is shown."""

    def question(titles: Titles, name: ItemName = FALLS, lookup: str = "tmdb", **plan: Any) -> dict[str, Any]:
        project = make_project(providers={"tmdb": titles})
        titles.catalog = project.catalog
        library = make_library(project, remux_review=False, file=FilePlan(lookup=lookup), **plan)
        for stage in ("rip", "remux", "transcode"):
            drop(library, name, stage, tiny_clip)
            run_pass(library)
        (gate,) = gates_document(project.catalog)
        answer(library, gate["id"], "approved", by="ana", via="cli")
        assert item(library, name.item_id).state == "transcoded"
        prompt: dict[str, Any] = gate["prompt"]
        return prompt

    return question


def test_a_film_is_proposed_under_the_services_title_for_it(ask: Ask) -> None:
    titles = Titles()
    prompt = ask(titles)
    assert prompt["names"] == {"tiny.mp4": "movies/Hidden Falls Uncut (2019)/Hidden Falls Uncut (2019).mp4"}
    assert titles.asked == [("Hidden Falls", 2018)]
    assert prompt["looked_up"] == {
        "by": "tmdb",
        "asked": {"title": "Hidden Falls", "year": 2018},
        "found": {"id": "movie/7", "title": "Hidden Falls: Uncut", "year": 2019, "episodes": 0},
        "said": "tmdb calls it 'Hidden Falls: Uncut' (2019), movie/7",
    }


def test_a_disc_gets_names_of_episodes_under_its_own_numbers(ask: Ask) -> None:
    prompt = ask(Titles(), COAST)
    assert prompt["names"] == {"tiny.mp4": "tv/The Blue Coast/Season 02/The Blue Coast - S02E01 - Low Tide.mp4"}
    assert prompt["looked_up"]["asked"] == {"series": "Blue Coast", "season": 2}


def test_without_a_word_in_the_plan_nobody_outside_is_asked(ask: Ask) -> None:
    titles = Titles()
    prompt = ask(titles, lookup="none")
    assert prompt["names"] == {"tiny.mp4": "movies/Hidden Falls (2018)/Hidden Falls (2018).mp4"}
    assert (titles.asked, "looked_up" in prompt) == ([], False)


@pytest.mark.parametrize(
    "error", [TransientError(attempted="look it up", answer="HTTP 503"), StoreError("It is full.")]
)
def test_a_failed_title_lookup_is_reported_in_the_question(ask: Ask, error: DayreelError) -> None:
    titles = Titles(error)
    prompt = ask(titles)
    assert prompt["names"] == {"tiny.mp4": "movies/Hidden Falls (2018)/Hidden Falls (2018).mp4"}
    assert prompt["looked_up"]["found"] is None
    assert prompt["looked_up"]["said"] == f"tmdb could not be asked: {error}"
    assert len(titles.asked) == 1


def test_nothing_found_leaves_the_plain_proposal_and_says_so(ask: Ask) -> None:
    prompt = ask(Titles(), movie_name("Unknown", None))
    assert prompt["names"] == {"tiny.mp4": "movies/Unknown/Unknown.mp4"}
    assert prompt["looked_up"]["said"] == "tmdb knows nothing called 'Unknown'"


def test_a_token_that_is_not_set_keeps_nobody_waiting(make_project: Callable[..., Project], tiny_clip: Path) -> None:
    library = make_library(make_project(world="live"), remux_review=False, file=FilePlan(lookup="tmdb"))
    for stage in ("rip", "remux", "transcode"):
        drop(library, FALLS, stage, tiny_clip)
        run_pass(library)
    (gate,) = gates_document(library.project.catalog)
    assert "TMDB_TOKEN is not set" in gate["prompt"]["looked_up"]["said"]


Asked = tuple[Library, Titles]


@pytest.fixture
def offline(make_project: Callable[..., Project], tiny_clip: Path) -> Asked:
    """An item whose question about its name was asked while nobody could be asked for titles."""
    titles = Titles(TransientError(attempted="look it up", answer="HTTP 503"))
    project = make_project(providers={"tmdb": titles})
    titles.catalog = project.catalog
    library = make_library(project, remux_review=False, file=FilePlan(lookup="tmdb"))
    for stage in ("rip", "remux", "transcode"):
        drop(library, FALLS, stage, tiny_clip)
        run_pass(library)
    return library, titles


def test_a_new_title_lookup_asks_again_so_no_name_goes_unseen(
    offline: Asked,
) -> None:
    library, titles = offline
    titles.error = None
    asked = look_up_again(library, 1, by="ana", via="cli")
    assert asked.id == 2
    assert asked.prompt_data["names"] == {"tiny.mp4": "movies/Hidden Falls Uncut (2019)/Hidden Falls Uncut (2019).mp4"}
    assert [gate["id"] for gate in gates_document(library.project.catalog)] == [2]
    with pytest.raises(StaleState, match="looked up again"):
        answer(library, 1, "approved", by="ben", via="desk")
    run_pass(library)
    assert [gate["id"] for gate in gates_document(library.project.catalog)] == [2], "it is asked once"
    answer(library, 2, "approved", by="ben", via="desk")
    run_pass(library)
    with library.project.catalog.read() as connection:
        (job,) = [queued for queued in jobs_of(connection, item_id=FALLS.item_id) if queued.role == "file"]
        assert [(act.act, act.actor) for act in recent_acts(connection)] == [("look up titles", "ana")]
    assert job.spec["parameters"]["names"] == asked.prompt_data["names"]


def test_a_lookup_with_nothing_new_keeps_the_question(offline: Asked) -> None:
    library, titles = offline
    assert look_up_again(library, 1, by="ana", via="cli").id == 1
    assert len(titles.asked) == 2
    assert gates_document(library.project.catalog)[0]["id"] == 1


def test_an_answer_that_comes_while_titles_are_looked_up_stands(offline: Asked) -> None:
    library, titles = offline
    titles.error, titles.meanwhile = None, lambda: answer(library, 1, "approved", by="ben", via="desk")
    with pytest.raises(StaleState, match="answered first by 'ben'"):
        look_up_again(library, 1, by="ana", via="cli")
    assert gates_document(library.project.catalog) == []


def test_what_cannot_be_looked_up_again_is_reported(offline: Asked, tiny_clip: Path) -> None:
    library, _ = offline
    nobody = replace(library, plan=library.plan.model_copy(update={"file": FilePlan()}))
    with pytest.raises(UsageError, match="Nobody is asked for titles"):
        look_up_again(nobody, 1, by="ana", via="cli")
    with pytest.raises(UsageError, match="no question 9"):
        look_up_again(library, 9, by="ana", via="cli")
    asking = replace(library, plan=library.plan.model_copy(update={"remux_review": True}))
    for stage in ("rip", "remux"):
        drop(library, movie_name("Other", 2001), stage, tiny_clip)
        run_pass(asking)
    with pytest.raises(UsageError, match="not one about names"):
        look_up_again(library, 2, by="ana", via="cli")
    answer(library, 1, "approved", by="ben", via="cli")
    with pytest.raises(StaleState, match="answered first"):
        look_up_again(library, 1, by="ana", via="cli")
