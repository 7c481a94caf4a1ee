"""Titles from outside: proposed where the plan says so, shown with the question, and never in anybody's way."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import DayreelError, StoreError, TransientError
from dayreel.providers.lookup.contract import Found
from dayreel.rules.library_paths import ItemName
from dayreel.schemas.library import FilePlan
from dayreel.services.library.gates import answer
from dayreel.services.library.ingest import disc_name, movie_name
from dayreel.services.library.look_up import gates_document
from dayreel.services.library.tend import tend
from dayreel.services.studio import Studio
from dayreel.stores.catalog.engine import Catalog
from tests.fakes.library import drop, item, make_library

FALLS, COAST = movie_name("Hidden Falls", 2018), disc_name("Blue Coast", 2, 1)


class Titles:
    """A service that knows one film and one series, or fails; notes what it was asked, while nobody writes."""

    def __init__(self, error: DayreelError | None = None) -> None:
        self.error, self.asked, self.catalog = error, list[tuple[str, Any]](), None

    def _say(self, title: str, more: Any, found: Found) -> Found | None:
        self.asked.append((title, more))
        assert isinstance(self.catalog, Catalog)
        with self.catalog.write("library"):  # it would wait for itself, and fail, if the question held it already
            pass
        if self.error is not None:
            raise self.error
        return found if "Unknown" not in title else None

    def movie(self, title: str, year: int | None) -> Found | None:
        return self._say(title, year, Found("movie/7", "Hidden Falls: Uncut", 2019))

    def series(self, title: str, season: int) -> Found | None:
        return self._say(title, season, Found("tv/8", "The Blue Coast", 2011, {1: "Low Tide"}))


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(make_studio: Callable[..., Studio], tiny_clip: Path) -> Ask:
    """Bring an item to the question about its name, and return what a person is shown."""

    def question(titles: Titles, name: ItemName = FALLS, lookup: str = "tmdb", **plan: Any) -> dict[str, Any]:
        studio = make_studio(providers={"tmdb": titles})
        titles.catalog = studio.catalog  # type: ignore[assignment]
        library = make_library(studio, remux_review=False, file=FilePlan(lookup=lookup), **plan)  # type: ignore[arg-type]
        for stage in ("rip", "remux", "transcode"):
            drop(library, name, stage, tiny_clip)  # type: ignore[arg-type]
            tend(library)
        (gate,) = gates_document(studio.catalog)
        answer(library, gate["id"], "approved", by="ana", via="cli")
        assert item(library, name.item_id).state == "transcoded"
        prompt: dict[str, Any] = gate["prompt"]
        return prompt

    return question


def test_a_film_is_proposed_as_the_service_calls_it_and_the_question_says_so(ask: Ask) -> None:
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
def test_a_service_that_fails_is_told_and_the_question_is_asked_all_the_same(ask: Ask, error: DayreelError) -> None:
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


def test_a_token_that_is_not_set_keeps_nobody_waiting(make_studio: Callable[..., Studio], tiny_clip: Path) -> None:
    library = make_library(make_studio(world="live"), remux_review=False, file=FilePlan(lookup="tmdb"))
    for stage in ("rip", "remux", "transcode"):
        drop(library, FALLS, stage, tiny_clip)  # type: ignore[arg-type]
        tend(library)
    (gate,) = gates_document(library.studio.catalog)
    assert "TMDB_TOKEN is not set" in gate["prompt"]["looked_up"]["said"]
