"""Stand-in for TMDB's search: a few films and one series that anybody would know. The same question, the same answer.

Errors are `{"success", "status_code", "status_message"}` with an HTTP status. Parameters it does not know are refused,
where TMDB would pass them over: nobody would notice that they do nothing.
"""

from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dayreel.sandbox import credentials
from dayreel.sandbox.faults import Fault
from dayreel.sandbox.wire import Call, Handler, Place, Refused, routes
from dayreel.sandbox.world import Document, SandboxWorld

FILMS: Final[tuple[Document, ...]] = (
    {"id": 101, "title": "Hidden Falls: The Return", "release_date": "2023-08-11"},
    {"id": 102, "title": "Hidden Falls", "release_date": "1994-03-02"},
    {"id": 103, "title": "Hidden Falls", "release_date": "2019-05-17"},
    {"id": 104, "title": "A Wheel & a Kiln", "release_date": ""},
)
SERIES: Final[tuple[Document, ...]] = ({"id": 201, "name": "Blue Coast", "first_air_date": "2011-09-04"},)
EPISODES: Final = ("Low Tide", "The Lamp / Relit", "Salt", "Episode 4", "Fog", "What the Gulls Know")
_SEASONS: Final = 3


def mount(world: SandboxWorld) -> list[Route]:
    """Return the routes under `/tmdb/3`."""
    table: dict[Place, Handler] = {
        ("GET", "/tmdb/3/authentication", "auth"): authentication,
        ("GET", "/tmdb/3/search/movie", "movie"): search_movie,
        ("GET", "/tmdb/3/search/tv", "tv"): search_tv,
        ("GET", "/tmdb/3/tv/{id:int}/season/{number:int}", "season"): season,
    }
    return routes(world, "tmdb", _fault_answer, table)


def error(status: int, code: int, message: str) -> JSONResponse:
    """Return an error in TMDB's shape."""
    return JSONResponse({"success": False, "status_code": code, "status_message": message}, status)


def _fault_answer(_route: str, fault: Fault) -> Response:
    if fault.kind == "expired_token":
        return error(401, 7, "Invalid API key: You must be granted a valid key.")
    if fault.kind == "quota" or fault.status == 429:  # noqa: PLR2004
        return error(429, 25, "Your request count is over the allowed limit.")
    return error(fault.status or 500, int(fault.code or 11), "Internal error: Something went wrong, contact TMDB.")


def _asked(call: Call, *allowed: str) -> dict[str, str]:
    if call.bearer() != credentials.TMDB_TOKEN:
        raise Refused(error(401, 7, "Invalid API key: You must be granted a valid key."))
    asked = dict(call.request.query_params)
    year = asked.get("year")
    if set(asked) - set(allowed) or (year is not None and not (year.isdigit() and len(year) == 4)):  # noqa: PLR2004
        raise Refused(error(422, 5, "Invalid parameters: Your request parameters are incorrect."))
    if "query" in allowed and not asked.get("query", "").strip():
        raise Refused(error(422, 5, "Invalid parameters: Your request parameters are incorrect."))
    return asked


def _page(results: list[Any]) -> Response:
    return JSONResponse({"page": 1, "results": results, "total_pages": 1, "total_results": len(results)})


async def authentication(call: Call) -> Response:
    """Say whether the token is good."""
    _asked(call)
    return JSONResponse({"success": True, "status_code": 1, "status_message": "Success."})


async def search_movie(call: Call) -> Response:
    """List the films with these words in their title; a year is a soft filter, so neighbours stay."""
    words = _asked(call, "query", "year")["query"].casefold()
    return _page([film for film in FILMS if words in film["title"].casefold()])


async def search_tv(call: Call) -> Response:
    """List the series with these words in their name."""
    words = _asked(call, "query")["query"].casefold()
    return _page([series for series in SERIES if words in series["name"].casefold()])


async def season(call: Call) -> Response:
    """List the episodes of one season."""
    _asked(call)
    id_, number = call.request.path_params["id"], call.request.path_params["number"]
    if id_ not in {series["id"] for series in SERIES} or number > _SEASONS:
        raise Refused(error(404, 34, "The resource you requested could not be found."))
    episodes = [{"episode_number": n, "season_number": number, "name": name} for n, name in enumerate(EPISODES, 1)]
    return JSONResponse({"id": id_ * 10 + number, "season_number": number, "episodes": episodes})
