"""Every fault of the sandbox world on every route that make and publish use, as rows.

Rows of different groups do not disturb one another, so one scenario arms one row of each group: thirty scenarios go
through all of them.
"""

from dataclasses import dataclass
from importlib import import_module

from dayreel.sandbox.faults import EVERYWHERE

UNTIL_MENDED = 1000
MENDED_BY_A_PERSON = ("expired_token", "quota", "stuck")
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("anthropic", ("messages",)),
    ("openai", ("responses",)),
    ("fal", ("submit", "status", "result", "file")),
    ("instagram", ("container", "rupload", "status", "quota")),
    ("instagram", ("publish", "media", "list", "insights")),
    ("tiktok", ("creator", "init", "list")),
    ("tiktok", ("upload", "status")),
    ("youtube", ("token", "session", "upload", "list")),
)


@dataclass(frozen=True)
class Row:
    """One fault to arm. With `times` above 1 it goes on until a person mends it, or retries are used up."""

    service: str
    route: str
    kind: str
    times: int = 1

    @property
    def needs_mending(self) -> bool:
        """Whether it stays until somebody has seen to it."""
        return self.times >= UNTIL_MENDED

    @property
    def wish(self) -> dict[str, object]:
        """Return the body for the control plane."""
        more: dict[str, object] = {"seconds": 0.05} if self.kind == "delay" else {}
        if self.kind == "break_off":
            more["bytes"] = 1000
        if self.kind == "answer_after_accept":
            more["reads"] = 1
        return {"service": self.service, "route": self.route, "kind": self.kind, "times": self.times, **more}

    def __str__(self) -> str:
        return f"{self.service}/{self.route}/{self.kind}"


def rows_of(service: str, routes: tuple[str, ...]) -> list[Row]:
    """Return the rows of one group."""
    special: dict[str, tuple[str, ...]] = import_module(f"dayreel.sandbox.{service}").SPECIAL_FAULTS
    return [
        Row(service, route, kind, UNTIL_MENDED if kind in MENDED_BY_A_PERSON else 1)
        for route in routes
        for kind in (*EVERYWHERE, *(kind for kind, known in special.items() if route in known))
    ]


TABLE: tuple[tuple[Row, ...], ...] = tuple(tuple(rows_of(service, routes)) for service, routes in GROUPS)
EVERY_ROW: frozenset[Row] = frozenset(row for group in TABLE for row in group)
ROUNDS: int = max(len(group) for group in TABLE)
