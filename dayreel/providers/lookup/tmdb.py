"""TMDB: titles and years of films and series by search, names of episodes by season. It only reads.

Facts: developer.themoviedb.org, API v3 (2026). `year` is a soft filter there, so the best hit is chosen here.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError

from dayreel.errors import PermanentError, ProviderError
from dayreel.providers.http import Http, Reply, reveal
from dayreel.providers.lookup.contract import TitleMatch
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

BASE_URL: Final = "https://api.themoviedb.org"
NEXT_STEPS: Final[Mapping[int, str]] = {
    401: "Check TMDB_TOKEN (themoviedb.org, Settings, API): the API read access token, not the API key.",
    422: "Report it: dayreel asked wrongly.",
    429: "TMDB limits requests by address; correct the names by hand this time.",
}
"""HTTP status to what a person can do."""
_NOT_FOUND: Final = 404


class _Hit(BaseModel):
    id: int
    title: str = Field(validation_alias=AliasChoices("title", "name"))
    released: str | None = Field(None, validation_alias=AliasChoices("release_date", "first_air_date"))

    @property
    def year(self) -> int | None:
        year = (self.released or "")[:4]
        return int(year) if year.isascii() and year.isdigit() else None


class _Hits(BaseModel):
    results: tuple[_Hit, ...]


class _Episode(BaseModel):
    episode_number: int
    name: str


class _Season(BaseModel):
    episodes: tuple[_Episode, ...]


_Shape = TypeVar("_Shape", bound=BaseModel)


class TmdbLookup:
    """TMDB's search.

    Args:
        token: the API read access token, which goes into a header, never into an address.
        timeout_s: how long it may be silent, in seconds; an answer may take twice that.
    """

    name = "tmdb"

    def __init__(self, *, token: SecretStr | str, base_url: str = BASE_URL, timeout_s: float = 10) -> None:
        """Keep the settings; nothing is sent."""
        key = reveal(token, name="TMDB_TOKEN")
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._base = base_url.rstrip("/") + "/3/"
        self._http = Http("TMDB", headers=headers, secrets=(key,), connect_s=5, read_s=timeout_s, total_s=2 * timeout_s)

    def movie(self, title: str, year: int | None) -> TitleMatch | None:
        """Return the film that fits best. See the contract for the errors."""
        params: dict[str, str | int] = {"query": title} if year is None else {"query": title, "year": year}
        hits = _read(self._get("search/movie", f"look up the film {title!r} at TMDB", params), _Hits).results
        best = _best(hits, title, year)
        return TitleMatch(f"movie/{best.id}", best.title, best.year) if best is not None else None

    def series(self, title: str, season: int) -> TitleMatch | None:
        """Return the series that fits best, with the season's episodes. See the contract for the errors."""
        hits = _read(self._get("search/tv", f"look up the series {title!r} at TMDB", {"query": title}), _Hits).results
        best = _best(hits, title, None)
        if best is None:
            return None
        attempted = f"read the episodes of season {season} of {best.title!r} at TMDB"
        reply = self._get(f"tv/{best.id}/season/{season}", attempted, {})
        episodes = () if reply.status == _NOT_FOUND else _read(reply, _Season).episodes
        # Where nobody has given a name yet, TMDB says "Episode 5", which says nothing.
        named = {
            episode.episode_number: episode.name
            for episode in episodes
            if episode.name not in ("", f"Episode {episode.episode_number}")
        }
        return TitleMatch(f"tv/{best.id}", best.title, best.year, named)

    def prove(self) -> None:
        """Ask whether the token is good; free.

        Raises:
            TransientError, PermanentError: it is not, or TMDB does not answer.
        """
        reply = self._get("authentication", "show TMDB the token", {})
        if not reply.ok:
            raise _refused(reply)

    def _get(self, path: str, attempted: str, params: Mapping[str, str | int]) -> Reply:
        return self._http.send("GET", self._base + path, attempted=attempted, has_side_effects=False, params=params)


def connect(access: Access) -> TmdbLookup:
    """Return TMDB of this world; TMDB_TOKEN may be missing."""
    return TmdbLookup(token=access.secret("TMDB_TOKEN"), base_url=access.url(BASE_URL, "/tmdb"))


def _best(hits: tuple[_Hit, ...], title: str, year: int | None) -> _Hit | None:
    """Return the first hit of the same title and year, else of the same title, else of the year, else the first."""
    wanted = title.casefold()
    return max(
        hits, key=lambda hit: (hit.title.casefold() == wanted, year is not None and hit.year == year), default=None
    )


def _read(reply: Reply, shape: type[_Shape]) -> _Shape:
    if not reply.ok:
        raise _refused(reply)
    try:
        return shape.model_validate(reply.document())
    except ValidationError as error:
        wrong = ".".join(map(str, error.errors()[0]["loc"]))
        raise PermanentError(attempted=reply.attempted, answer=f"an answer that cannot be read (at {wrong})") from None


def _refused(reply: Reply) -> ProviderError:
    answer = reply.json()
    message = str(answer.get("status_message") or reply.words) if isinstance(answer, dict) else reply.words
    return reply.error(message, next_step=NEXT_STEPS.get(reply.status, ""), code=str(reply.status))


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Show TMDB the token."""
    connect(access).prove()
    return Proof("the token is accepted")


VENDOR: Final = Vendor(
    name="tmdb",
    label="TMDB",
    family="lookup",
    about="Titles and years of films and series, names of episodes.",
    connect=connect,
    settings=(
        Setting(
            "TMDB_TOKEN",
            "themoviedb.org, Settings, API: the API read access token",
            sandbox="sandbox-tmdb-read-access-token",
        ),
    ),
    can=("titles and years", "names of episodes"),
    prove=prove,
    order=1,
    refusals=frozenset(map(str, NEXT_STEPS)),
    stand_in="dayreel.sandbox.tmdb:mount",
)
