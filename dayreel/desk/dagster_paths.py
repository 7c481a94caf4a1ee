"""What a path leads to behind the door to Dagster, and the one way in which it is written on. Pure.

What is judged and what is forwarded must be the same: `/dagster/x/../graphql` was judged as a page called `x` and
forwarded, with its dots resolved, as the GraphQL endpoint. So a path that two programs could read differently is
refused, and what goes on is written from the segments that were judged. What GraphQL may do is `graphql_rules`.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from dayreel.errors import UsageError

PREFIX = "/dagster"
_SAFE = "@:$&'()*+,;=!~"  # what RFC 3986, section 3.3, allows in a segment beside letters, digits, `-`, `.`, `_`
_REPORTS = ("report_asset_materialization", "report_asset_check", "report_asset_observation")


@dataclass(frozen=True)
class DagsterPath:
    """A path below the prefix, understood.

    Attributes:
        segments: decoded, without empty ones; the first is what Dagster chooses its endpoint by.
        ends_in_slash: whether it was written with a slash at its end.
    """

    segments: tuple[str, ...]
    ends_in_slash: bool

    @property
    def is_graphql(self) -> bool:
        """Whether it is the GraphQL endpoint."""
        return self.segments == ("graphql",)

    @property
    def is_report(self) -> bool:
        """Whether programs report there what they have made."""
        return self.segments[:1] != () and self.segments[0] in _REPORTS

    @property
    def written(self) -> str:
        """The path as it goes on to Dagster, in the one way of writing it."""
        path = "/".join((PREFIX, *(quote(segment, safe=_SAFE) for segment in self.segments)))
        return f"{path}/" if self.ends_in_slash or not self.segments else path


def read_path(raw: bytes) -> DagsterPath:
    """Understand the path of a request as it came over the wire, without its query.

    Raises:
        UsageError: two programs could read it differently: dot or empty segments, encoded or backward slashes, control
            characters, something encoded twice, no UTF-8, or an endpoint's name in another case.
    """
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("it is not UTF-8") from None
    lowered = raw.lower()
    if b"%2f" in lowered or b"%5c" in lowered or "\\" in path:
        raise _refused("it holds an encoded or a backward slash")
    if "%" in path or "?" in path or "#" in path or not path.isprintable():
        raise _refused("it holds what is encoded twice, or characters of no path")
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        raise _refused(f"it is not below {PREFIX}")
    rest = path.removeprefix(PREFIX).removeprefix("/")
    ends_in_slash = rest.endswith("/")
    segments = tuple(rest.removesuffix("/").split("/")) if rest else ()
    if any(segment in ("", ".", "..") for segment in segments):
        raise _refused("it holds empty or dot segments")
    checked = DagsterPath(segments, ends_in_slash)
    _require_plain_endpoint(checked)
    return checked


def _require_plain_endpoint(path: DagsterPath) -> None:
    """Refuse whatever looks like an endpoint that acts without being one: another case, more or less of its path."""
    first = path.segments[0].lower() if path.segments else ""
    if first.startswith("graphql") and not path.is_graphql:
        raise _refused("GraphQL is at /dagster/graphql")
    if first.startswith("report_") and not path.is_report:
        raise _refused("it is none of Dagster's reporting endpoints")
    if (path.is_graphql or path.is_report) and path.ends_in_slash:
        raise _refused("it ends in a slash")


def _refused(why: str) -> UsageError:
    return UsageError(f"This path was not passed on: {why}.", next_step="Nothing was done in Dagster.")
