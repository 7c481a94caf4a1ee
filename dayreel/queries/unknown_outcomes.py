"""Which outcomes are unknown? The one definition, for every face, for the services that look them up, and for sensors.

An act's outcome is unknown when its effect says so, or when it was sent and abandoned (`stores.leases`).
Only acts of the project's present world count: those of the other world cannot be looked up from here, and are reported
by their number alone. What is known to be under way (a post that its platform processes) is not an unknown outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from dayreel.queries.rows import as_row
from dayreel.records import Records
from dayreel.rules.key_like import without_keys
from dayreel.schemas.effect import NO_CONTENT, EffectKind, EffectState
from dayreel.stores.catalog.tables import effects
from dayreel.stores.leases import Leases


@dataclass(frozen=True)
class UnknownOutcome:
    """One act that may have happened, with what is known about it.

    Attributes:
        content_id: None where it is about no content.
        state: `unknown`, or `sent` where it was abandoned.
        version: of the effect's row; a person's word about an older one is refused.
        where_to_look: where a person can look, when no program can find out.
        request: what was asked for, by name; what works like a key is hidden, here and in `handle`.
        handle: what its vendor calls it.
        next_step: the command that records what a person has found.
    """

    effect_id: int
    version: int
    content_id: str | None
    kind: EffectKind
    target: str
    sequence: int
    state: EffectState
    sent_at: datetime | None
    reserved_usd: Decimal
    error: str | None
    evidence: str
    where_to_look: str
    request: tuple[tuple[str, str], ...]
    handle: tuple[tuple[str, str], ...]
    next_step: str

    @property
    def about(self) -> str:
        """The content's id, or what stands in its place where it is about none."""
        return self.content_id or NO_CONTENT


@dataclass(frozen=True)
class UnknownOutcomes:
    """Every unknown outcome of this world, oldest first.

    Attributes:
        elsewhere: how many there are in the other world, which is `other_world`.
    """

    here: tuple[UnknownOutcome, ...]
    elsewhere: int
    other_world: str

    def of(self, content_id: str | None) -> tuple[UnknownOutcome, ...]:
        """Return those of one content; None: those about no content."""
        return tuple(outcome for outcome in self.here if outcome.content_id == content_id)


def unknown_outcomes(records: Records) -> UnknownOutcomes:
    """Return every act whose outcome is not known.

    Raises:
        StoreError: the catalog cannot be read.
    """
    with records.catalog.read() as connection:
        return read_unknown_outcomes(records, connection)


def read_unknown_outcomes(records: Records, connection: Connection) -> UnknownOutcomes:
    """Return every act whose outcome is not known, read inside the caller's transaction."""
    # By the index on a state that few rows have; sorting or a second condition in SQL would let the database walk the
    # whole history instead.
    query = select(effects).where(effects.c.state.in_(("unknown", "sent")))
    now, leases, world = records.clock.now(), Leases(records.catalog), records.settings.world
    rows = [
        row
        for row in connection.execute(query).mappings().all()
        if row["state"] == "unknown" or leases.is_abandoned(connection, row, at=now)
    ]
    here = sorted((row for row in rows if row["world"] == world), key=lambda row: int(row["id"]))
    other_world = "live" if world == "sandbox" else "sandbox"
    return UnknownOutcomes(tuple(map(_outcome, here)), len(rows) - len(here), other_world)


def resolving_command(effect_id: int) -> str:
    """Return the command by which a person says what they found of an effect."""
    return f"dayreel reconcile --effect {effect_id} --found ID (or --not-there)"


def _outcome(row: RowMapping) -> UnknownOutcome:
    from dayreel.vendors.registry import where_to_look  # noqa: PLC0415  brings records, only where one is wanted

    return as_row(
        UnknownOutcome,
        row,
        effect_id=row["id"],
        evidence=row["error"] or _without_evidence(row),
        where_to_look=where_to_look(row["target"]),
        request=_facts(row["request"]),
        handle=_facts(row["handle"]),
        next_step=resolving_command(row["id"]),
    )


def _without_evidence(row: RowMapping) -> str:
    if row["state"] == "sent":
        return "nobody has continued it" if row["owner"] is None else "the process that sent it is gone"
    return "nothing came back"


def _facts(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    shown = without_keys(document)
    return tuple((name, str(value)) for name, value in shown.items() if value not in (None, "", {}))
