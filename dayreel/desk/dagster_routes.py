"""Which of Dagster's routes the desk reaches, and the one request target that each of them becomes. Pure.

What is judged and what is forwarded must be the same: `/dagster/x/../graphql` was judged as a page called `x` and
forwarded, with its dots resolved, as the GraphQL endpoint. So a path that two programs could read differently is
refused, the rest is matched against the list of routes, and what goes on is written here, from what matched. A page of
Dagster's is one document under every address, so whatever is on no list becomes that document: no path of a browser's
reaches Dagster's catch-all route. What GraphQL may do is `graphql_rules`.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from dayreel.errors import UsageError
from dayreel.services.dagster_address import PATH_PREFIX

_SAFE = "@:$&'()*+,;=!~"  # what RFC 3986, section 3.3, allows in a segment beside letters, digits, `-`, `.`, `_`
_STATIC_FOLDERS = ("_next", "vendor")
_STATIC_FILE = re.compile(r"[A-Za-z0-9_-]+\.(?:ico|png|svg|json|txt|mp4|html)")
_REPORTS = ("report_asset_materialization", "report_asset_check", "report_asset_observation")
_LOG_ENDINGS = ("out", "err")
# They read a file of any path, or say what `server_info` says.
_CLOSED = ("notebook", "dagit", "dagit_info")
_NAMES = frozenset((*_STATIC_FOLDERS, *_REPORTS, *_CLOSED, "graphql", "server_info", "logs", "download_debug"))
_LOOSE_NAMES = ("graphql", "report_")
_MOST_QUERY_FIELDS = 20


@dataclass(frozen=True)
class DagsterRoute:
    """One of Dagster's routes, as a request may reach it.

    Attributes:
        kind: `page` and `file` are read, `graphql` and `report` are posted to.
        path: the path that goes on to Dagster.
        name: what the record of acts calls it.
    """

    kind: Literal["page", "file", "graphql", "report"]
    path: str
    name: str

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that pass."""
        return ("POST",) if self.kind in ("graphql", "report") else ("GET", "HEAD")


def read_route(raw: bytes) -> DagsterRoute:
    """Understand the path of a request as it came over the wire, without its query.

    Raises:
        UsageError: two programs could read it differently (dot or empty segments, encoded or backward slashes, control
            characters, something encoded twice, not UTF-8, an endpoint's name in another case), or it is closed.
    """
    segments, ends_in_slash = _segments(raw)
    first = segments[0] if segments else ""
    if first not in _NAMES and (first.lower() in _NAMES or first.lower().startswith(_LOOSE_NAMES)):
        raise _refused(f"{first!r} is not how an endpoint of Dagster is written")
    if first not in _NAMES:
        if len(segments) == 1 and _STATIC_FILE.fullmatch(first) and not ends_in_slash:
            return _route("file", segments)
        return DagsterRoute("page", f"{PATH_PREFIX}/", "page")
    if ends_in_slash or first in _CLOSED or not _is_complete(segments):
        raise _refused(f"{first!r} is reached in no other way than Dagster's pages do")
    if first == "graphql":
        return _route("graphql", segments)
    return _route("report" if first in _REPORTS else "file", segments)


def read_report_query(raw: bytes) -> str:
    """Write the query of a report again from its fields; each may be there once.

    Raises:
        UsageError: it cannot be read in one way only.
    """
    try:
        fields = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict",
            max_num_fields=_MOST_QUERY_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise _refused("its query cannot be read") from None
    if len({name for name, _value in fields}) != len(fields):
        raise _refused("its query names a field twice")
    return urlencode(fields)


def _segments(raw: bytes) -> tuple[tuple[str, ...], bool]:
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("it is not UTF-8") from None
    lowered = raw.lower()
    if b"%2f" in lowered or b"%5c" in lowered or "\\" in path:
        raise _refused("it holds an encoded or a backward slash")
    if "%" in path or "?" in path or "#" in path or not path.isprintable():
        raise _refused("it holds what is encoded twice, or characters that paths do not have")
    if path != PATH_PREFIX and not path.startswith(f"{PATH_PREFIX}/"):
        raise _refused(f"it is not below {PATH_PREFIX}")
    rest = path.removeprefix(PATH_PREFIX).removeprefix("/")
    ends_in_slash = rest.endswith("/")
    segments = tuple(rest.removesuffix("/").split("/")) if rest else ()
    if any(segment in ("", ".", "..") for segment in segments):
        raise _refused("it holds empty or dot segments")
    return segments, ends_in_slash


def _is_complete(segments: tuple[str, ...]) -> bool:
    """Return whether a named endpoint has what it needs behind its name, and nothing more."""
    first, rest = segments[0], segments[1:]
    if first in ("graphql", "server_info"):
        return not rest
    if first == "download_debug":
        return len(rest) == 1
    if first == "logs":
        return len(rest) > 1 and rest[-1] in _LOG_ENDINGS
    return bool(rest)


def _route(kind: Literal["file", "graphql", "report"], segments: tuple[str, ...]) -> DagsterRoute:
    path = "/".join((PATH_PREFIX, *(quote(segment, safe=_SAFE) for segment in segments)))
    return DagsterRoute(kind, path, segments[0])


def _refused(why: str) -> UsageError:
    return UsageError(f"This path was not passed on: {why}.", next_step="Nothing was done in Dagster.")
