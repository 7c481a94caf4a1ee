"""Looking up every act whose outcome is not known: first look, then confirm, release, or park for a person.

Nothing here sends anything. What was looked up and found is written into the ledger with its evidence; what cannot be
looked up stays `unknown`, holds its money, and waits for `resolve`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import select

from dayreel.errors import BusyError, ConfigurationError, PermanentError, ProviderError, TransientError, UsageError
from dayreel.providers.notifiers.contract import Notifier
from dayreel.providers.platforms.contract import FollowsUp, PlatformProvider, PostFinding, PostRequest, Receipt
from dayreel.providers.speech.contract import LOOKS_UP, LookedUpSpeech, SpeechRequest
from dayreel.providers.video.contract import Lookup, SegmentRequest, VideoGenerator
from dayreel.queries.rows import posts_without_public_id
from dayreel.queries.unknown_outcomes import read_unknown_outcomes, resolving_command
from dayreel.schemas.effect import DELIVERIES, FOLLOW_UPS, REPORTS, Effect, EffectState
from dayreel.services.effects.ledger import CONTENT_REFUSED, effect_of, has_handle
from dayreel.services.making.renders import end_render, made_clip
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import note_post, settle_post, whose_post
from dayreel.services.upkeep.recover import recover
from dayreel.stores.catalog.tables import effects, platform_posts
from dayreel.vendors.registry import vendor_named, vendors

ReconcileOutcome = Literal["confirmed", "refused", "released", "goes_on", "parked", "written_off", "at_work"]
Request = TypeVar("Request", SegmentRequest, SpeechRequest)
SETTLING = timedelta(minutes=2)
"""So long a request may still be on its way: until then "not there" proves nothing."""
LOOK_FOR_NAMES = timedelta(days=7)
"""So long a platform is asked for the public id of a post; TikTok gives some posts none."""


@dataclass(frozen=True)
class Reconciled:
    """What became of one doubtful effect.

    Attributes:
        outcome: `confirmed` it happened; `refused` it certainly did not, and trying again unchanged cannot help;
            `released` it certainly did not and may be sent again; `goes_on` it is under
            way and the next run continues it; `parked` only a person can find out; `written_off` a lost answer of
            a language model or a narration, counted at the most it can have cost; `at_work` another process has taken
            it up.
        next_step: what to type next, or empty.
    """

    effect_id: int
    content_id: str
    kind: str
    target: str
    sequence: int
    outcome: ReconcileOutcome
    evidence: str
    next_step: str = ""


def reconcile(project: Project, *, limit: int | None = None) -> list[Reconciled]:
    """Look up every unknown outcome, and continue what its vendor has accepted and nobody is at.

    A catalog of another time is brought back first (`recover`): what it does not know nobody can look up.

    That is a request that was given back with its id, a post that is still processed, one that was confirmed and not
    written down, and one that its platform has not named yet.

    Args:
        limit: at most so many of each; those that were looked up least come first, so that none is forgotten.
    """
    recover(project)
    here = effects.c.world == project.settings.world
    with project.catalog.read() as connection:
        unknown = read_unknown_outcomes(project, connection).here
        if limit is not None:
            # Every look counts a row's version up, so the lowest was looked at least.
            unknown = tuple(sorted(unknown, key=lambda outcome: (outcome.version, outcome.effect_id))[:limit])
        numbers = [outcome.effect_id for outcome in unknown]
        given_back = select(effects.c.id).where(here, effects.c.state == "sent", effects.c.owner.is_(None))
        order = (effects.c.version, effects.c.id)
        rest = connection.execute(given_back.order_by(*order).limit(limit)).scalars()
        numbers += [number for number in rest if number not in numbers]
        processing = (
            select(platform_posts)
            .join(effects, effects.c.id == platform_posts.c.effect_id)
            .where(here, platform_posts.c.state == "processing")
        )
        pending = list(connection.execute(processing.order_by(platform_posts.c.id).limit(limit)).mappings())
        left_behind = (
            select(effects)
            .join(platform_posts, effects.c.id == platform_posts.c.effect_id)
            .where(here, effects.c.state == "confirmed", platform_posts.c.state.not_in(("processing", "posted")))
        )
        unsettled = list(connection.execute(left_behind.order_by(effects.c.id).limit(limit)).mappings())
        since = project.clock.now() - LOOK_FOR_NAMES
        unnamed = posts_without_public_id(connection, world=project.settings.world, since=since)[:limit]
    outcomes = [_reconcile(project, project.ledger.get(number)) for number in numbers]
    outcomes += [_looked_at(project, post["effect_id"], _refresh) for post in pending]
    outcomes += [_looked_at(project, row["id"], _catch_up) for row in unsettled]
    return outcomes + [_looked_at(project, post.effect_id, _ask_for_name) for post in unnamed]


def resolve(project: Project, effect_id: int, *, reference: str | None, by: str, note: str | None = None) -> Reconciled:
    """Let a person say what nobody could look up.

    Args:
        reference: the provider's id of the request or post, as its dashboard shows it; None when it is not there.

    Raises:
        UsageError: there is no such effect, or its outcome is known.
    """
    effect = _unknown(project, effect_id)
    evidence = f"{by} looked: {f'found as {reference}' if reference else 'not there'}" + (f" ({note})" if note else "")
    if reference is None:
        return _release(project, effect, evidence)
    is_kept = effect.key.kind == "narration" and _keeps_narrations(effect.key.target)
    if is_kept and effect.handle.get(vendor_named(effect.key.target).handle) == reference:
        is_kept = False  # by this id it was looked for already: it is gone
    if effect.key.kind in ("llm", "narration") and not is_kept:
        # Wherever it was seen: what it brought is lost, and it was billed.
        return _write_off(project, effect, evidence)
    if effect.key.kind in ("segment", "narration"):
        handle = _handle_of(effect, reference)
        _refuse_anothers(project, effect, handle)
        project.ledger.record_outcome(effect_id, "sent", evidence, handle=handle)
        return _reconciled(effect, "goes_on", evidence, f"dayreel retry {effect.key.content_id}")
    if effect.key.kind == "post":
        return _confirm_post(project, effect, Receipt("posted", reference, None), evidence)
    project.ledger.record_outcome(effect_id, "confirmed", evidence, result={**effect.result, "reference": reference})
    return _reconciled(effect, "confirmed", evidence)


def settle_reported(project: Project, effect_id: int) -> Reconciled:
    """Act on what a platform has called back with about a post, which stands in its handle by now.

    It is looked up as by `reconcile`. A report that it failed never takes back what was confirmed as posted.
    """
    effect = project.ledger.get(effect_id)
    if effect.state in ("sent", "unknown"):
        return _reconcile(project, effect)  # whoever is sending it sees the report as well
    try:
        return _settle_reported(project, effect)
    except BusyError as error:
        return _reconciled(effect, "at_work", str(error))  # whoever has changed it has seen the report, or looks again


def _settle_reported(project: Project, effect: Effect) -> Reconciled:
    finding = _find_post(project, effect)
    is_out = finding.receipt is not None and finding.receipt.state == "posted"
    with project.catalog.read() as connection:
        of_effect = select(platform_posts.c.state).where(platform_posts.c.effect_id == effect.id)
        shown = connection.execute(of_effect).scalar()
    if effect.state == "confirmed" and (is_out or shown == "processing"):
        return _refresh(project, effect)
    return _reconciled(effect, "confirmed" if effect.state == "confirmed" else "refused", finding.evidence)


# -- one effect --------------------------------------------------------------------------------------------------


def _reconcile(project: Project, effect: Effect) -> Reconciled:
    try:
        looks = {"llm": _write_off, "narration": _look_up_narration, "segment": look_up_segment, "post": _look_up_post}
        looks |= dict.fromkeys(FOLLOW_UPS, _look_up_follow_up)
        return looks.get(effect.key.kind, _look_up_message)(project, effect)
    except BusyError as error:
        return _reconciled(effect, "at_work", str(error))
    except (ProviderError, ConfigurationError) as error:
        # Looking is safe to repeat; not being able to look changes nothing about what is known.
        return _park_if_open(project, effect, f"could not be looked up now: {error}")


def _write_off(
    project: Project, effect: Effect, reason: str = "an answer that was lost cannot be fetched"
) -> Reconciled:
    evidence = f"{reason}; counted at ${effect.reserved_usd:.4f}, the most it can cost"
    project.ledger.record_outcome(effect.id, "confirmed", evidence, result={"lost": True}, cost_usd=effect.reserved_usd)
    return _reconciled(effect, "written_off", evidence)


def _look_up_narration(project: Project, effect: Effect) -> Reconciled:
    if effect.reserved_usd == 0:
        return _release(project, effect, "a free voice may be asked again")
    if has_handle(effect.handle):
        retry = f"dayreel retry {effect.key.content_id}"
        return _stays_sent(project, effect, "goes_on", f"{effect.key.target} has it, to be fetched by its id", retry)
    if not _keeps_narrations(effect.key.target):
        return _park(project, effect, f"{effect.key.target} cannot be asked what became of a narration")
    voice: LookedUpSpeech = project.connect(effect.key.target)
    return _look_for_purchase(
        project, effect, lambda: voice.find(effect.key, _narration_of(effect), sent_at=_sent_at(effect))
    )


def _keeps_narrations(target: str) -> bool:
    """Return whether a voice's vendor keeps what it has spoken; no where the voice is no longer installed."""
    return any(vendor.name == target and LOOKS_UP in vendor.can for vendor in vendors("speech"))


def look_up_segment(project: Project, effect: Effect) -> Reconciled:
    """Ask its service about a segment that nobody is at, and write down what it says.

    Raises:
        BusyError: somebody is at it after all.
        ProviderError, ConfigurationError: a lost submit could not be looked for.
    """
    generator: VideoGenerator = project.connect(effect.key.target)
    if not has_handle(effect.handle):
        return _look_for_purchase(
            project, effect, lambda: generator.find(effect.key, _segment_of(effect), sent_at=_sent_at(effect))
        )
    retry = f"dayreel retry {effect.key.content_id}"
    try:
        job = generator.follow(effect.handle)
    except TransientError as error:
        return _stays_sent(project, effect, "goes_on", f"its id is known; it could not be asked now: {error}", retry)
    except PermanentError as error:
        return _stays_sent(project, effect, "parked", str(error), f"{retry}; or {_look_step(effect)}")
    if job.state == "done":
        evidence = f"{effect.key.target} has made it"
        clip = made_clip(effect.key.target, effect.handle, job)
        cost_usd = effect.reserved_usd if job.cost_usd is None else job.cost_usd
        project.ledger.record_outcome(effect.id, "confirmed", evidence, result=clip, cost_usd=cost_usd)
        return _reconciled(effect, "confirmed", evidence, retry)
    if job.state == "failed":
        evidence = f"{effect.key.target} could not make it: {job.error or 'no reason given'}"
        if job.may_repeat:
            # Unbilled and over (docs/reference/vendors/video.md): with its id the next try would only follow a dead
            # request.
            project.ledger.record_outcome(effect.id, "intended", evidence, handle={})
        else:
            result = {CONTENT_REFUSED: job.error} if job.refuses_content else None
            project.ledger.record_outcome(effect.id, "refused", evidence, result=result, cost_usd=job.cost_usd)
        end_render(project, effect.key.content_id, effect.key.sequence, "fail", detail=evidence)
        return _reconciled(effect, "released" if job.may_repeat else "refused", evidence, retry)
    return _stays_sent(project, effect, "goes_on", f"it is {job.state} at {effect.key.target}", retry)


def _look_for_purchase(project: Project, effect: Effect, find: Callable[[], Lookup]) -> Reconciled:
    try:
        lookup = find()
    except PermanentError as error:
        return _park(project, effect, str(error))
    name = vendor_named(effect.key.target).handle
    others = _handles_of_others(project, effect, name)
    handles = [handle for handle in lookup.handles if handle[name] not in others]
    if not handles and lookup.proves_absence:
        return _release_once_settled(project, effect, lookup.evidence)
    if len(handles) != 1:
        return _park(project, effect, lookup.evidence)
    (handle,) = handles
    model = {"model": effect.request.get("model")}
    project.ledger.record_outcome(effect.id, "sent", lookup.evidence, handle={**model, **handle})
    return _reconciled(effect, "goes_on", lookup.evidence, f"dayreel retry {effect.key.content_id}")


def _segment_of(effect: Effect) -> SegmentRequest:
    return _asked(effect, SegmentRequest)


def _narration_of(effect: Effect) -> SpeechRequest:
    return _asked(effect, SpeechRequest)


def _asked(effect: Effect, kind: type[Request]) -> Request:
    try:
        return kind(**effect.request)
    except TypeError:
        raise ConfigurationError(f"What effect {effect.id} asked for is not written down whole.") from None


def _stays_sent(
    project: Project, effect: Effect, outcome: ReconcileOutcome, evidence: str, next_step: str
) -> Reconciled:
    """Keep a request that has an id as it is: whatever went wrong while asking says nothing about it."""
    project.ledger.record_outcome(effect.id, "sent", evidence)
    return _reconciled(effect, outcome, evidence, next_step)


def _look_up_post(project: Project, effect: Effect) -> Reconciled:
    finding = _find_post(project, effect)
    if finding.verdict == "live" and finding.receipt is not None:
        return _confirm_post(project, effect, finding.receipt, finding.evidence)
    if finding.verdict == "absent":
        return _release(project, effect, finding.evidence, handle=finding.handle)
    if finding.verdict in ("resumable", "refused"):
        is_refused = finding.verdict == "refused"
        state: EffectState = "refused" if is_refused else "intended"
        project.ledger.record_outcome(effect.id, state, finding.evidence, handle=finding.handle)
        note_post(project, effect.key.content_id, effect.key.target, state="failed", error=finding.evidence)
        verb = "retry" if is_refused else "publish"
        outcome: ReconcileOutcome = "refused" if is_refused else "goes_on"
        return _reconciled(effect, outcome, finding.evidence, f"dayreel {verb} {effect.key.content_id}")
    return _park(project, effect, finding.evidence)


def _look_up_follow_up(project: Project, effect: Effect) -> Reconciled:
    kind, target = effect.key.kind, effect.key.target
    platform = project.connect(target)
    if not isinstance(platform, FollowsUp):
        return _park(project, effect, f"{target} cannot be asked about a {kind}")
    has_happened = platform.is_followed_up(kind, effect.request, post_id=str(effect.request["post_id"]))
    if has_happened is None:
        return _park(project, effect, f"{target} does not say what became of the {kind}")
    if not has_happened:
        return _release_once_settled(project, effect, f"{target} shows no such {kind}")
    evidence = f"{target} shows the {kind}"
    project.ledger.record_outcome(effect.id, "confirmed", evidence, cost_usd=Decimal(0))
    return _reconciled(effect, "confirmed", evidence)


def _look_up_message(project: Project, effect: Effect) -> Reconciled:
    notifier: Notifier = project.connect(effect.key.target)
    handle = notifier.find(str(effect.request.get("marker", "")))
    if handle is None:
        return _release_once_settled(project, effect, "no such message is there")
    evidence = "the message is there"
    project.ledger.record_outcome(effect.id, "confirmed", evidence, result={**effect.request, **handle})
    return _reconciled(effect, "confirmed", evidence)


def _looked_at(project: Project, effect_id: int, look: Callable[[Project, Effect], Reconciled]) -> Reconciled:
    """Look at a post that is known to have been accepted; one that cannot be looked at holds no other back."""
    effect = project.ledger.get(effect_id)
    try:
        return look(project, effect)
    except BusyError as error:
        return _reconciled(effect, "at_work", str(error))
    except (ProviderError, ConfigurationError) as error:
        return _reconciled(effect, "parked", f"could not be looked up now: {error}", "dayreel reconcile")


def _refresh(project: Project, effect: Effect) -> Reconciled:
    """Ask again about a post that its platform accepted and was still processing."""
    finding = _find_post(project, effect)
    if finding.verdict == "live" and finding.receipt is not None:
        settle_post(project, effect.key.content_id, effect.key.target, finding.receipt, sent_at=effect.sent_at)
        outcome: ReconcileOutcome = "confirmed" if finding.receipt.state == "posted" else "goes_on"
        return _reconciled(effect, outcome, finding.evidence, "" if outcome == "confirmed" else "dayreel reconcile")
    if finding.verdict == "resumable":
        return _reconciled(effect, "goes_on", finding.evidence, "dayreel reconcile")
    return _take_back(project, effect, finding)


def _ask_for_name(project: Project, effect: Effect) -> Reconciled:
    """Ask again for the public id of a post that is out. That it is out stands, whatever the answer."""
    receipt = _find_post(project, effect).receipt
    if receipt is None or receipt.post_id is None:
        age_h = (project.clock.now() - _sent_at(effect)).total_seconds() / 3600
        evidence = f"{effect.key.target} has posted it and gives it no public id yet, {age_h:.1f} h after it was sent"
        return _reconciled(effect, "goes_on", evidence, "dayreel reconcile")
    settle_post(project, effect.key.content_id, effect.key.target, receipt)
    return _reconciled(effect, "confirmed", f"{effect.key.target} names it {receipt.post_id} now")


def _take_back(project: Project, effect: Effect, finding: PostFinding) -> Reconciled:
    """Say of an accepted post that its platform gave it up, or no longer reports it; nothing is processed for ever."""
    key = effect.key
    states: dict[str, Literal["intended", "refused", "unknown"]] = {"absent": "intended", "refused": "refused"}
    state = states.get(finding.verdict, "unknown")
    project.ledger.revoke_confirmation(effect.id, state, finding.evidence, handle=finding.handle)
    shown = "unknown" if state == "unknown" else "failed"
    note_post(project, key.content_id, key.target, state=shown, error=finding.evidence, was_processing=True)
    if state == "refused":
        return _reconciled(effect, "refused", finding.evidence, f"dayreel retry {key.content_id}")
    if state == "intended":
        return _reconciled(effect, "released", finding.evidence, f"dayreel publish {key.content_id}")
    return _reconciled(effect, "parked", finding.evidence, _look_step(effect))


def _catch_up(project: Project, effect: Effect) -> Reconciled:
    """Write down a post that the ledger knows is out, and whose process died before it could."""
    result = effect.result
    receipt = Receipt(result["state"], result["post_id"], result["url"], result["raw"])
    settle_post(project, effect.key.content_id, effect.key.target, receipt, sent_at=effect.sent_at)
    return _reconciled(
        effect, "confirmed", "the platform had confirmed it, and its process died before it was written down"
    )


def _find_post(project: Project, effect: Effect) -> PostFinding:
    platform: PlatformProvider = project.connect(effect.key.target)
    finding = platform.look_up(_as_asked(project, effect), effect.handle, sent_at=_sent_at(effect))
    if finding.receipt and (other := whose_post(project, effect.key.content_id, effect.key.target, finding.receipt)):
        return PostFinding("unclear", f"{finding.evidence} But that is the post of {other}.")
    return finding


def _as_asked(project: Project, effect: Effect) -> PostRequest:
    asked: dict[str, Any] = {**effect.request}
    asked["video"] = project.contents.folder(effect.key.content_id) / Path(asked["video"]).name
    return PostRequest(**asked)


def _sent_at(effect: Effect) -> datetime:
    if effect.sent_at is None:
        raise UsageError(f"Effect {effect.id} was never sent.", next_step="There is nothing to look up.")
    return effect.sent_at


# -- rulings -----------------------------------------------------------------------------------------------------


def _confirm_post(project: Project, effect: Effect, receipt: Receipt, evidence: str) -> Reconciled:
    project.ledger.record_outcome(effect.id, "confirmed", evidence, result=vars(receipt), cost_usd=Decimal(0))
    settle_post(project, effect.key.content_id, effect.key.target, receipt, sent_at=effect.sent_at)
    return _reconciled(effect, "confirmed", evidence)


def _release(project: Project, effect: Effect, evidence: str, *, handle: Mapping[str, Any] | None = None) -> Reconciled:
    # By what was delivered before its vendor can still say that it is there after all.
    let_go = {name: known if name in (DELIVERIES, REPORTS) else None for name, known in effect.handle.items()}
    project.ledger.record_outcome(effect.id, "intended", evidence, handle=handle or let_go)
    key = effect.key
    if key.kind == "post":
        note_post(project, key.content_id, key.target, state="failed", error=evidence)
        return _reconciled(effect, "released", evidence, f"dayreel publish {key.content_id}")
    return _reconciled(
        effect, "released", evidence, f"dayreel retry {key.content_id}" if key.kind in ("narration", "segment") else ""
    )


def _release_once_settled(project: Project, effect: Effect, evidence: str) -> Reconciled:
    """Release what its service does not have, or wait while the request may still be on its way."""
    # A request can still be on its way, or not yet in the vendor's list. Whoever releases it now may pay or post
    # twice.
    if project.clock.now() - _sent_at(effect) < SETTLING:
        return _park(project, effect, f"{evidence} yet, and it was sent only just now", next_step="dayreel reconcile")
    return _release(project, effect, evidence)


def _park(project: Project, effect: Effect, evidence: str, *, next_step: str = "") -> Reconciled:
    project.ledger.record_outcome(effect.id, "unknown", evidence)
    if effect.key.kind == "post":
        note_post(project, effect.key.content_id, effect.key.target, state="unknown", error=evidence)
    return _reconciled(effect, "parked", evidence, next_step or _look_step(effect))


def _park_if_open(project: Project, effect: Effect, evidence: str) -> Reconciled:
    """Park what could not be looked up, unless it was settled before something else went wrong."""
    try:
        return _park(project, effect, evidence)
    except BusyError:
        return _reconciled(effect, "parked", evidence, "dayreel reconcile")


def _look_step(effect: Effect) -> str:
    return f"look at {effect.key.target}, then: {resolving_command(effect.id)}"


def _unknown(project: Project, effect_id: int) -> Effect:
    """Return an effect that a person may rule on: unknown, or sent and with nobody at it (its vendor may deny it)."""
    with project.catalog.read() as connection:
        row = connection.execute(select(effects).where(effects.c.id == effect_id)).mappings().one_or_none()
        is_open = row is not None and (
            row["state"] == "unknown" or (row["state"] == "sent" and not project.ledger.is_at_work(connection, row))
        )
    if row is None or not is_open:
        raise UsageError(
            f"Effect {effect_id} is {'not there' if row is None else row['state']}, not unknown.",
            next_step="`dayreel reconcile` lists them.",
        )
    return effect_of(row)


def _handle_of(effect: Effect, handle: str) -> dict[str, Any]:
    """Return the handle by which a request that a person found can be followed, in the vendor's own terms."""
    return {vendor_named(effect.key.target).handle: handle, "model": effect.request.get("model")}


def _refuse_anothers(project: Project, effect: Effect, handle: dict[str, Any]) -> None:
    """Refuse a request id that another effect has: one purchase cannot be two segments."""
    (name,) = handle.keys() - {"model"}
    other = _handles_of_others(project, effect, name).get(handle[name])
    if other is not None:
        raise UsageError(
            f"{handle[name]!r} is the request of effect {other} already.",
            next_step=f"Look again for the one of {effect.key.content_id}, {effect.key.kind} {effect.key.sequence}.",
        )


def _handles_of_others(project: Project, effect: Effect, name: str) -> dict[str, int]:
    """Return the ids of requests at a vendor that other effects of ours have, each with the effect's number."""
    query = select(effects.c.id, effects.c.handle).where(
        effects.c.kind == effect.key.kind, effects.c.target == effect.key.target, effects.c.id != effect.id
    )
    with project.catalog.read() as connection:
        return {row.handle[name]: row.id for row in connection.execute(query) if row.handle.get(name)}


def _reconciled(effect: Effect, outcome: ReconcileOutcome, evidence: str, next_step: str = "") -> Reconciled:
    key = effect.key
    return Reconciled(effect.id, key.content_id, key.kind, key.target, key.sequence, outcome, evidence, next_step)
