"""The effect ledger: one row per paid generation, post, notification and delete, and the only way to do any of them.

    intended → sent → confirmed | refused | unknown

`perform` walks one effect through it: the row is committed before the call, the provider's handle before the next
one, money is reserved in the same transaction that claims the send and settled afterwards. A process that dies leaves
a row from which another one goes on (a handle is there), or which waits for a look (`unknown`). Nothing else makes a
`Permit`, and without a permit no provider spends or publishes. Looking things up is `services.upkeep.reconcile`.
"""

import contextlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, func, insert, select, update
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_chain, wait_fixed

from dayreel.clock import Clock, local_day
from dayreel.errors import (
    BusyError,
    ConfigurationError,
    ContentRefusedError,
    DayreelError,
    LeaseLostError,
    PermanentError,
    StoreError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.processes import in_words
from dayreel.providers.http import before_acting
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.content import Layer
from dayreel.schemas.effect import FOLLOW_UPS, NO_CONTENT, REPORTS, Effect, EffectKey, EffectState, Permit, RecordHandle
from dayreel.services.effects.intent import Intent, SendCall, VendorFailed
from dayreel.services.effects.other_time import is_counted, refuse_held
from dayreel.services.effects.spending import Claim, check_caps, refuse_paused
from dayreel.services.retry_transient import retry_transient
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.epoch import count_send
from dayreel.stores.catalog.tables import effects, platform_posts
from dayreel.stores.catalog_copies import CatalogCopies
from dayreel.stores.leases import Leases

# An id that could not be written down is a purchase that nobody can follow: a database that is away for a moment is
# waited for, with the id in hand.
_RECORD_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
_DIED = "the process that sent it died before the answer came"
_WRONG = (UsageError, ConfigurationError)
CONTENT_REFUSED = "content_refused"
"""In the result of an act that was refused for what it asked for: the refusal's own words."""


class EffectLedger:
    """The ledger over one catalog, for one process."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        *,
        world: str,
        timezone: str,
        run_id: str | None = None,
        leases: Leases | None = None,
        copies: CatalogCopies | None = None,
    ) -> None:
        """Keep the catalog, the clock and who we are.

        Args:
            world: `sandbox` or `live`; caps count each world for itself.
            timezone: zone of the calendar day and month that the overall caps count.
            leases: who we are, and who else is there; left out, this process on the catalog's own clock.
            copies: what stands beside the contents; None where there are no folders.
        """
        self._catalog = catalog
        self._clock = clock
        self._world = world
        self._timezone = timezone
        self._run_id = run_id
        self._leases = leases or Leases(catalog)
        self._copies = copies
        self._while_away = Retrying(
            retry=retry_if_exception_type(StoreError),
            wait=wait_chain(*map(wait_fixed, _RECORD_PAUSES_S)),
            stop=stop_after_attempt(len(_RECORD_PAUSES_S) + 1),
            sleep=clock.sleep,
            reraise=True,
        )

    def perform(self, intent: Intent, act: SendCall) -> Effect:
        """Do `intent` exactly once, however often and in however many processes this is called.

        `act(permit, handle, record)` makes the calls; `handle` is what an earlier try recorded. A `TransientError`
        gives the claim back and is tried again (3 attempts, 1 s, 2 s, or as the service asks up to a minute).

        Raises:
            GateClosedError: a cap or the kill switch holds; nothing was sent.
            BusyError: another living process is at it.
            PermanentError: it was refused, now or earlier.
            UnknownOutcomeError: it may have happened; it waits for `dayreel reconcile`.
            TransientError: still not delivered after the last attempt.
        """
        return retry_transient(self._clock, lambda: self._attempt(intent, act))

    def intend(
        self,
        connection: Connection,
        key: EffectKey,
        *,
        channel: str | None,
        day: date,
        layer: Layer,
        model: str | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> int:
        """Write an intention down in the caller's transaction, unless it is there, and return its number."""
        query = select(effects.c.id).where(*self._is(key))
        effect_id = connection.execute(query).scalar()
        if effect_id is not None:
            return int(effect_id)
        connection.execute(
            insert(effects).values(
                content_id=None if key.content_id == NO_CONTENT else key.content_id,
                kind=key.kind,
                target=key.target,
                sequence=key.sequence,
                fingerprint=key.fingerprint,
                channel=channel,
                day=day,
                layer=layer,
                model=model,
                world=self._world,
                state="intended",
                request=dict(request or {}),
                handle={},
                result={},
                reserved_usd=Decimal(0),
                run_id=self._run_id,
                created_at=self._clock.now(),
            )
        )
        return int(connection.execute(query).scalar_one())

    def find(self, key: EffectKey) -> Effect | None:
        """Return the effect with this key, or None when it was never intended."""
        with self._catalog.read() as connection:
            row = connection.execute(select(effects).where(*self._is(key))).mappings().one_or_none()
        return None if row is None else effect_of(row)

    def get(self, effect_id: int) -> Effect:
        """Return one effect by its number."""
        with self._catalog.read() as connection:
            return effect_of(connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one())

    def record_outcome(
        self,
        effect_id: int,
        state: EffectState,
        evidence: str,
        *,
        handle: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        cost_usd: Decimal | None = None,
    ) -> None:
        """Write down what looking an effect up has shown; for `services.upkeep.reconcile` and people alone.

        Only an effect that is unknown, or sent by a process that is gone, can be ruled on: whoever is at work wins.

        Raises:
            BusyError: a living process is at it.
        """
        with self._catalog.write("money") as connection:
            row = connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one()
            # A living process that is still sending knows more than anybody who looks: its answer may be seconds
            # away.
            is_open = row["state"] == "unknown" or (row["state"] == "sent" and not self.is_at_work(connection, row))
            if not is_open:
                raise BusyError(
                    f"Effect {effect_id} is {row['state']} now.", next_step="Look again: `dayreel reconcile`."
                )
            values: dict[str, Any] = {"state": state, "error": evidence, "owner": None, "version": row["version"] + 1}
            if state == "intended":
                values |= {"reserved_usd": Decimal(0), "settled_usd": None, "spent_on": None}
            if state in ("confirmed", "refused"):
                values |= {"settled_usd": cost_usd or Decimal(0), "settled_at": self._clock.now()}
            if handle is not None:
                values["handle"] = _with_reports_of(row, handle)
            if result is not None:
                values["result"] = dict(result)
            connection.execute(update(effects).where(effects.c.id == effect_id).values(**values))

    def note_found(self, key: EffectKey, *, sent_at: datetime, result: Mapping[str, Any], evidence: str) -> None:
        """Write down an act that its vendor lists, and whose sending nothing here knows of; it counts as one send."""
        values: dict[str, Any] = {"state": "confirmed", "sent_at": sent_at, "result": dict(result), "error": evidence}
        values |= {"settled_usd": Decimal(0), "settled_at": self._clock.now()}
        with self._catalog.write("money") as connection:
            connection.execute(
                update(effects)
                .where(*self._is(key), effects.c.state == "intended")
                .values(**values, attempts=effects.c.attempts + 1, version=effects.c.version + 1)
            )

    def revoke_confirmation(
        self,
        effect_id: int,
        state: Literal["intended", "refused", "unknown"],
        evidence: str,
        *,
        handle: Mapping[str, Any] | None = None,
    ) -> None:
        """Take back the confirmation of a post that its platform accepted and then did not keep; it costs nothing.

        The handle stays, or becomes what is given: the next try begins by asking the platform about it.

        Raises:
            BusyError: it is not confirmed any more, or the platform has called back meanwhile that it is out.
        """
        values: dict[str, Any] = {"state": state, "error": evidence, "settled_usd": None, "settled_at": None}
        is_out = select(platform_posts.c.id).where(
            platform_posts.c.effect_id == effect_id, platform_posts.c.state == "posted"
        )
        with self._catalog.write("money") as connection:
            row = connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one()
            if row["state"] != "confirmed" or row["kind"] != "post" or connection.execute(is_out).first() is not None:
                raise BusyError(
                    f"Effect {effect_id} was settled by somebody else meanwhile.",
                    next_step="Look again: `dayreel reconcile`.",
                )
            if handle is not None:
                values["handle"] = _with_reports_of(row, handle)
            connection.execute(
                update(effects).where(effects.c.id == effect_id).values(**values, version=row["version"] + 1)
            )

    def refuse(self, connection: Connection, effect_id: int, reason: str) -> None:
        """Write down, in the caller's transaction, that an act which is only intended cannot be sent as it is."""
        settled = {"settled_usd": Decimal(0), "settled_at": self._clock.now()}
        connection.execute(
            update(effects)
            .where(effects.c.id == effect_id, effects.c.state == "intended")
            .values(state="refused", error=reason, **settled, version=effects.c.version + 1)
        )

    # -- steps, each one transaction -----------------------------------------------------------------------------

    def _attempt(self, intent: Intent, act: SendCall) -> Effect:
        begun: list[str] = []
        # Where the copy beside the content is ahead (a backup of the catalog was put back), it is taken over before
        # the row is looked for: what is out already would otherwise be intended a second time.
        if self._copies is not None and intent.key.content_id != NO_CONTENT:
            self._copies.adopt(intent.key.content_id)
        with self._leases.beating():
            try:
                effect, permit = self._claim(intent, begun)
                if permit is not None:
                    self._write_ahead(effect, intent)
                return effect if permit is None else self._act(effect, permit, intent, act)
            finally:
                for scope in begun:
                    self._leases.end(scope)

    def _write_ahead(self, effect: Effect, intent: Intent) -> None:
        """See that a claim stands beside the content before anything leaves, so that a lost catalog knows of it.

        Raises:
            LeaseLostError: it was taken over meanwhile; nothing was sent.
            StoreError: it cannot be written there; nothing was sent.
        """
        try:
            if self._copies is not None and is_counted(intent.key):
                self._copies.require(intent.key.content_id)
                self._copies.write_project()
            # Also of those who send by other means than `providers.http`: vendors' SDKs, SMTP, websockets.
            self._while_away(self._require_ours, effect.id)
        except DayreelError as error:
            self._settle(
                effect.id, "sent" if has_handle(effect.handle) else "intended", error=str(error), cost_usd=None
            )
            raise

    def _act(self, effect: Effect, permit: Permit, intent: Intent, act: SendCall) -> Effect:
        try:
            with before_acting(lambda: self._while_away(self._require_ours, effect.id)):
                done = act(permit, dict(effect.handle), self._recorder(effect.id, intent))
        except VendorFailed as ended:
            # The vendor itself said that the job ended without a result, so the handle is cleared: the next try submits
            # again instead of following a dead request.
            again = isinstance(ended.error, TransientError)
            cost_usd = None if again else ended.cost_usd
            state, refusal = ("intended", None) if again else ("refused", _refusal(ended.error))
            self._settle(effect.id, state, error=str(ended), cost_usd=cost_usd, handle={}, result=refusal)
            raise ended.error from None
        except DayreelError as error:
            # When the catalog is unreachable, the row stays sent and is looked up later; the first error is the one
            # raised.
            with contextlib.suppress(StoreError):
                self._settle_failure(effect.id, intent, error)
            raise
        self._settle(effect.id, "confirmed", result=done.result, cost_usd=done.cost_usd)
        # `_settle` updates only a row that is still ours. A process that slept through its lease (a suspended laptop)
        # may have been taken over meanwhile, and the other one's verdict stands.
        settled = self.get(effect.id)
        if settled.state != "confirmed":
            raise LeaseLostError(
                f"Effect {effect.id} was done, but another process had taken it over by then and settles it.",
                next_step="`dayreel status` shows how it ends; nothing more is sent from here.",
            )
        return settled

    def _settle_failure(self, effect_id: int, intent: Intent, error: DayreelError) -> None:
        if isinstance(error, UnknownOutcomeError):
            self._settle(effect_id, "unknown", error=str(error), cost_usd=None)
        # A purchase with a request id: the vendor may be working on it. A post's handle means less, because it is
        # recorded before the call that publishes.
        elif not intent.records_first and has_handle(self.get(effect_id).handle):
            # The request may still run, or be done, whatever went wrong while asking for it: it stays sent, with its
            # reservation, for the next try to continue.
            self._settle(effect_id, "sent", error=str(error), cost_usd=None)
        # Of a post, also a request that can never be sent as it is: a video that is gone, or longer than is taken. Each
        # try would find it wrong again.
        elif isinstance(error, PermanentError) or (
            intent.key.kind in ("post", *FOLLOW_UPS) and isinstance(error, _WRONG)
        ):
            self._settle(effect_id, "refused", error=str(error), cost_usd=Decimal(0), result=_refusal(error))
        elif isinstance(error, StoreError) and not intent.records_first:
            # It may have been sent, and its handle could not be written down.
            self._settle(effect_id, "unknown", error=str(error), cost_usd=None)
        else:
            self._settle(effect_id, "intended", error=str(error), cost_usd=None)

    def _require_ours(self, effect_id: int) -> None:
        """Refuse to let another request leave for an act that was taken over: a fence does not reach the vendor."""
        with self._catalog.read() as connection:
            row = connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one()
        if not self._is_ours(row):
            raise _lost(row)

    def _is_ours(self, row: RowMapping) -> bool:
        mine = (self._leases.owner, self._leases.fence(_scope(row["id"])))
        return row["state"] == "sent" and (row["owner"], row["fence"]) == mine

    def _claim(self, intent: Intent, begun: list[str]) -> tuple[Effect, Permit | None]:
        """Return the effect, with a permit when it is ours to send or to continue; it is then among `begun`.

        The transaction commits before anything is raised about an unknown outcome: parking is a change too.
        """
        # One lock for all money: the sum that a cap looks at, the reservation and the claim cannot be interleaved
        # with another process's.
        with self._catalog.write("money") as connection:
            effect_id = self.intend(
                connection,
                intent.key,
                channel=None if intent.channel is None else intent.channel.name,
                day=intent.day,
                layer=intent.layer,
                model=intent.model,
                request=intent.request,
            )
            row = connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one()
            state, permit = row["state"], None
            if state == "intended":
                permit = self._send(connection, intent, row)
            elif state == "sent":
                permit = self._take_over(connection, intent, row)
            if permit is not None:
                begun.append(_scope(row["id"]))
                self._leases.begin(connection, _scope(row["id"]), row["fence"] + 1)
            if permit is not None or state == "confirmed":
                return effect_of(row), permit
        if state == "refused":
            raise PermanentError(
                attempted=_words(intent.key),
                answer=f"it was refused earlier: {row['error']}",
                reference=f"effect {row['id']}",
                next_step="Fix the cause; it is tried again a day later."
                if intent.key.content_id == NO_CONTENT
                else f"Fix the cause, then `dayreel retry {intent.key.content_id}`.",
            )
        raise UnknownOutcomeError(
            attempted=_words(intent.key),
            answer=row["error"] or _DIED,
            reference=f"effect {row['id']}",
            next_step=f"`dayreel reconcile` looks it up; `dayreel status` shows it until then (effect {row['id']}).",
        )

    def _check(self, connection: Connection, intent: Intent, spent_on: date, amount_usd: Decimal) -> None:
        if self._copies is not None and is_counted(intent.key):
            refuse_held(connection, self._copies.epoch(), intent.key.target, what=_words(intent.key))
        if intent.channel is not None and intent.key.kind != "notification":
            # Notifications go out even when nothing may be bought or posted. `Intent` requires a channel for everything
            # else.
            claim = Claim(
                content_id=intent.key.content_id,
                channel=intent.channel,
                day=intent.day,
                spent_on=spent_on,
                world=self._world,
                amount_usd=amount_usd,
                what=_words(intent.key),
            )
            check_caps(connection, claim)
            refuse_paused(connection, intent.channel, self._clock.now(), what=claim.what)
        for guard in intent.guards:
            guard(connection)

    def _send(self, connection: Connection, intent: Intent, row: RowMapping) -> Permit:
        if self._leases.fence(_scope(row["id"])) is not None:
            raise self._busy(intent, row)  # a thread that was taken over, and does not know it yet
        now = self._clock.now()
        spent_on = local_day(now, self._timezone)
        self._check(connection, intent, spent_on, intent.most_usd)
        if is_counted(intent.key):
            count_send(connection, at=now)
        changed = connection.execute(
            update(effects)
            .where(effects.c.id == row["id"], effects.c.state == "intended", effects.c.version == row["version"])
            .values(
                state="sent",
                version=row["version"] + 1,
                attempts=row["attempts"] + 1,
                fence=row["fence"] + 1,
                owner=self._leases.owner,
                lease_until_at=None,
                reserved_usd=intent.most_usd,
                settled_usd=None,
                spent_on=spent_on,
                error=None,
                run_id=self._run_id,
                sent_at=now,
            )
        )
        if changed.rowcount != 1:
            raise BusyError(f"Another process has just claimed to {_words(intent.key)}.", next_step="Nothing was sent.")
        return Permit(row["id"], intent.key, intent.most_usd)

    def _take_over(self, connection: Connection, intent: Intent, row: RowMapping) -> Permit | None:
        """Continue an effect that a dead process sent; None when it had to be parked as unknown instead."""
        if self.is_at_work(connection, row):
            raise self._busy(intent, row)
        values: dict[str, Any] = {"version": row["version"] + 1, "fence": row["fence"] + 1, "lease_until_at": None}
        # Without a handle there is nothing to ask the vendor about, and sending again might pay or post twice.
        goes_on = intent.records_first or has_handle(row["handle"])
        if goes_on:
            # Zero dollars: the money is reserved already, but the kill switch, pauses and gates count again.
            self._check(connection, intent, row["spent_on"], Decimal(0))
            values |= {"owner": self._leases.owner, "run_id": self._run_id}
        else:
            values |= {"state": "unknown", "owner": None, "error": _DIED}
        connection.execute(update(effects).where(effects.c.id == row["id"]).values(**values))
        return Permit(row["id"], intent.key, row["reserved_usd"]) if goes_on else None

    def _busy(self, intent: Intent, row: RowMapping) -> BusyError:
        since = row["sent_at"].isoformat(timespec="seconds")
        return BusyError(
            f"Another process ({in_words(row['owner'] or self._leases.owner)}) has worked on effect {row['id']}, "
            f"to {_words(intent.key)}, since {since}.",
            next_step="Wait for it; nothing was sent from here.",
        )

    def is_at_work(self, connection: Connection, row: RowMapping) -> bool:
        """Return whether a living process, or a thread of this one, is at a sent effect."""
        return self._leases.is_at_work(connection, row, at=self._clock.now())

    def _is(self, key: EffectKey) -> tuple[ColumnElement[bool], ...]:
        without_content = (
            effects.c.content_id.is_(None),
            effects.c.world == self._world,
        )  # a content says its world itself
        return (
            *(without_content if key.content_id == NO_CONTENT else (effects.c.content_id == key.content_id,)),
            effects.c.kind == key.kind,
            effects.c.target == key.target,
            effects.c.sequence == key.sequence,
            effects.c.fingerprint == key.fingerprint,
        )

    def _recorder(self, effect_id: int, intent: Intent) -> RecordHandle:
        """Return what an act records its handles with; it stops an act that was taken over while it slept."""

        def record(patch: dict[str, Any]) -> Mapping[str, Any]:
            try:
                handle: Mapping[str, Any] = self._while_away(write_down, patch)
            except StoreError as error:
                ids = ", ".join(f"{name} {value}" for name, value in patch.items() if name.endswith("_id"))
                raise StoreError(
                    f"{error.message} What was to be written down of effect {effect_id}: {ids or 'no id'}.",
                    next_step=f"Once it is back: `dayreel reconcile --effect {effect_id} --found ID`.",
                ) from error
            return handle

        def write_down(patch: dict[str, Any]) -> Mapping[str, Any]:
            # What was called back meanwhile is not in the patch, or older there.
            own = {name: value for name, value in patch.items() if name != REPORTS}
            with self._catalog.write("money") as connection:
                row = connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one()
                is_ours = self._is_ours(row)
                handle = {**row["handle"], **own}
                if is_ours:
                    connection.execute(update(effects).where(effects.c.id == effect_id).values(handle=handle))
                else:
                    self._keep_late(connection, row, intent, own)
            if not is_ours:
                raise _lost(row)
            if self._copies is not None and is_counted(intent.key):
                # Where the catalog is lost, a copy without the handle would be taken for a proof that nothing happened.
                self._copies.require(intent.key.content_id)
            return handle

        return record

    def _keep_late(self, connection: Connection, row: RowMapping, intent: Intent, patch: Mapping[str, Any]) -> None:
        """Keep what a vendor gave to a process that was taken for dead: a purchase nobody follows is billed unseen.

        A row that waits for a look, or was let go, continues with it. Where another request stands there by now, the
        late one becomes a row of its own, which `reconcile` follows and settles. Ids of a post only complete what is
        known: who was taken over publishes nothing, because that asks here first.
        """
        known = row["handle"]
        is_open = row["state"] in ("intended", "sent", "unknown")
        if intent.records_first:
            if is_open and all(
                known.get(name) in (None, value) for name, value in patch.items() if name.endswith("_id")
            ):
                connection.execute(update(effects).where(effects.c.id == row["id"]).values(handle={**known, **patch}))
            return
        now = self._clock.now()
        goes_on = {
            "state": "sent",
            "owner": None,
            "handle": dict(patch),
            "error": f"its id came after the process was taken for dead: {patch}",
            "reserved_usd": intent.most_usd,
            "spent_on": row["spent_on"] or local_day(now, self._timezone),
            "lease_until_at": now,
        }
        if row["state"] in ("intended", "unknown") and not has_handle(known):
            version = row["version"] + 1
            connection.execute(update(effects).where(effects.c.id == row["id"]).values(**goes_on, version=version))
            return
        own: dict[str, Any] = {
            "fingerprint": fingerprint(of=row["fingerprint"], late=dict(patch)),
            "result": {},
            "attempts": 0,  # its sends are counted in the row that it came from
            "settled_usd": None,
            "settled_at": None,
        }
        copied = {name: value for name, value in row.items() if name != "id"}
        connection.execute(insert(effects).values(**{**copied, **own, **goes_on}))

    def _settle(
        self,
        effect_id: int,
        state: str,
        *,
        cost_usd: Decimal | None,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
        handle: Mapping[str, Any] | None = None,
    ) -> None:
        values: dict[str, Any] = {"state": state, "error": error, "settled_usd": cost_usd, "owner": None}
        if handle is not None:
            values["handle"] = dict(handle)
        if state == "sent":
            values["lease_until_at"] = self._clock.now()  # from now on it waits for a run that continues it
        if state == "intended":
            values |= {"reserved_usd": Decimal(0), "spent_on": None}
        if state in ("confirmed", "refused"):
            values["settled_at"] = self._clock.now()
        if result is not None:
            values["result"] = dict(result)
        with self._catalog.write("money") as connection:
            connection.execute(
                update(effects)
                # The fence is part of the condition, so an act that lost its lease cannot overwrite the verdict of
                # whoever took over.
                .where(effects.c.id == effect_id, effects.c.state == "sent")
                .where(effects.c.owner == self._leases.owner, effects.c.fence == self._leases.fence(_scope(effect_id)))
                .values(**values, version=effects.c.version + 1)
            )


def reopen(connection: Connection, *which: ColumnElement[bool]) -> int:
    """Let what was refused be tried again, in the caller's "money" transaction; return how many acts that are.

    A refusal means that certainly nothing happened, so trying again is safe. A post keeps what its platform has given
    to go on from: the next try looks there before it sends a byte. A refused purchase is over, by its service's word.
    One that was billed all the same stays in the books as it is, under a key of its own: the next try is another act.
    """
    refused = (*which, effects.c.state == "refused")
    billed = select(effects.c.id, effects.c.fingerprint, effects.c.result).where(*refused, effects.c.settled_usd > 0)
    set_aside = [row for row in connection.execute(billed) if not row.result.get("set_aside")]
    for row in set_aside:
        own, result = fingerprint(of=row.fingerprint, billed=row.id), {**row.result, "set_aside": True}
        connection.execute(
            update(effects)
            .where(effects.c.id == row.id)
            .values(fingerprint=own, result=result, version=effects.c.version + 1)
        )
    refused = (*refused, func.coalesce(effects.c.settled_usd, 0) == 0)
    connection.execute(update(effects).where(*refused, effects.c.kind != "post").values(handle={}))
    opened = connection.execute(
        update(effects)
        .where(*refused)
        .values(
            state="intended",
            reserved_usd=Decimal(0),
            settled_usd=None,
            spent_on=None,
            version=effects.c.version + 1,
        )
    )
    return opened.rowcount + len(set_aside)


def has_handle(handle: Mapping[str, Any]) -> bool:
    """Return whether the provider has given us anything to continue from."""
    return any(value is not None for value in handle.values())


def _with_reports_of(row: RowMapping, handle: Mapping[str, Any]) -> dict[str, Any]:
    """Return a handle with what was called back until now, which whoever read it before does not know of."""
    reports = row["handle"].get(REPORTS)
    return dict(handle) if reports is None else {**handle, REPORTS: reports}


def effect_of(row: RowMapping) -> Effect:
    """Return a ledger row as an `Effect`."""
    key = EffectKey(row["content_id"] or NO_CONTENT, row["kind"], row["target"], row["sequence"], row["fingerprint"])
    return Effect(
        id=row["id"],
        key=key,
        channel=row["channel"],
        layer=row["layer"],
        state=row["state"],
        request=row["request"],
        handle=row["handle"],
        result=row["result"],
        sent_at=row["sent_at"],
        reserved_usd=row["reserved_usd"],
        settled_usd=row["settled_usd"],
        error=row["error"],
    )


def _scope(effect_id: int) -> str:
    return f"effect {effect_id}"


def _lost(row: RowMapping) -> LeaseLostError:
    return LeaseLostError(
        f"Effect {row['id']} was taken over by {row['owner'] or 'a reconciliation'} in the meantime.",
        next_step="Nothing more is sent from here; `dayreel status` shows how it ends.",
    )


def _refusal(error: DayreelError) -> dict[str, Any]:
    return {CONTENT_REFUSED: error.answer} if isinstance(error, ContentRefusedError) else {}


def _words(key: EffectKey) -> str:
    what = {
        "llm": "ask",
        "narration": "buy the narration of",
        "segment": "buy segment",
        "post": "post to",
        "thumbnail": "set the thumbnail on",
        "playlist": "add to a playlist on",
        "subtitles": "add subtitles on",
        "notification": "notify",
        "delete": "delete from",
    }
    number = f" {key.sequence} from" if key.kind == "segment" else ""
    return f"{what[key.kind]}{number} {key.target} for {key.content_id}"
