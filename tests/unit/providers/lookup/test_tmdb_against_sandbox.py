"""TMDB: what is found and what is not, against the stand-in; every fault with its verdict, and no token in words."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.lookup.contract import TitleLookup, TitleMatch
from dayreel.providers.lookup.tmdb import TmdbLookup
from dayreel.sandbox.credentials import TMDB_TOKEN
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted

HEADERS = {"authorization": f"Bearer {TMDB_TOKEN}"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def tmdb(world: RunningSandbox) -> Iterator[TitleLookup]:
    yield vendor_named("tmdb").connect(Access("sandbox", world.credentials.get, world.url, SystemClock(), world.root))
    world.clear_faults()


@pytest.mark.parametrize(
    ("title", "year", "expected"),
    [
        ("hidden falls", 2019, TitleMatch("movie/103", "Hidden Falls", 2019)),
        ("Hidden Falls", None, TitleMatch("movie/102", "Hidden Falls", 1994)),
        ("Falls", 2023, TitleMatch("movie/101", "Hidden Falls: The Return", 2023)),
        ("A Wheel & a Kiln", 2001, TitleMatch("movie/104", "A Wheel & a Kiln", None)),
        ("Nobody's Film", 2019, None),
    ],
)
def test_the_film_that_fits_best_is_found(
    tmdb: TitleLookup, title: str, year: int | None, expected: TitleMatch | None
) -> None:
    assert tmdb.movie(title, year) == expected


def test_a_series_has_the_known_episode_names_of_a_season(tmdb: TitleLookup) -> None:
    season = tmdb.series("blue coast", 2)
    assert season is not None
    assert (season.id, season.title, season.year) == ("tv/201", "Blue Coast", 2011)
    assert [number for number, _ in sorted(season.episodes.items())] == [1, 2, 3, 5, 6]  # the fourth has no name yet
    assert tmdb.series("Blue Coast", 9) == TitleMatch("tv/201", "Blue Coast", 2011)
    assert tmdb.series("Nobody's Series", 1) is None


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ({"kind": "lose_answer"}, TransientError),
        ({"kind": "error", "status": 500}, TransientError),
        ({"kind": "quota"}, TransientError),
        ({"kind": "expired_token"}, PermanentError),
    ],
)
@pytest.mark.parametrize("route", ["movie", "tv", "season"])
def test_every_fault_has_its_verdict_after_one_attempt(
    tmdb: TitleLookup, world: RunningSandbox, route: str, fault: dict[str, Any], verdict: type[ProviderError]
) -> None:
    world.arm("tmdb", route, **fault)
    with pytest.raises(verdict, match="TMDB") as refused:
        _ = tmdb.movie("Hidden Falls", 2019) if route == "movie" else tmdb.series("Blue Coast", 2)
    assert TMDB_TOKEN not in str(refused.value)
    assert len(world.fired()) == 1


@pytest.mark.parametrize(
    ("say", "verdict"),
    [
        (Say(body={"results": []}, cut=4), TransientError),
        (Say(body=b'{"results": [{"id": 1, "ti'), TransientError),
        (Say(body=[1, 2]), TransientError),
        (Say(body={"results": [{"id": "none"}]}), PermanentError),
        (Say(401, {"status_code": 7, "status_message": "no, Bearer marked-token"}), PermanentError),
    ],
)
def test_an_unusable_answer_is_typed_and_shows_no_token(say: Say, verdict: type[ProviderError]) -> None:
    with scripted(say) as server, pytest.raises(verdict) as refused:
        TmdbLookup(token="marked-token", base_url=server.url, timeout_s=3).movie("Hidden Falls", 2019)
    assert "marked-token" not in f"{refused.value} {vars(refused.value)}"
    assert server.asked[0].path == "/3/search/movie?query=Hidden+Falls&year=2019"
    assert server.asked[0].headers["authorization"] == "Bearer marked-token"


@pytest.mark.parametrize(
    ("asked", "headers", "status"),
    [
        ("search/movie?query=Falls&year=2019", {}, 401),
        ("search/movie?query=Falls&api_key=" + TMDB_TOKEN, HEADERS, 422),
        ("search/movie?query=Falls&year=19", HEADERS, 422),
        ("search/tv?query=", HEADERS, 422),
        ("tv/7/season/1", HEADERS, 404),
    ],
)
def test_the_sandbox_takes_only_header_tokens_and_known_params(
    world: RunningSandbox, asked: str, headers: dict[str, str], status: int
) -> None:
    answer = requests.get(f"{world.url}/tmdb/3/{asked}", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["success"]) == (status, False)
