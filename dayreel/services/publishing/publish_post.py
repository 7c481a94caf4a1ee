"""Publishing an approved content to one platform, at most once, through every gate.

The gates are asked twice: before anything, for a sentence a person can read, and again inside the transaction that
claims the send, where the content's row is locked: nobody can reject or edit it between the last look and the claim.
What goes out is what that transaction still finds, and the approval must be for exactly that. `--plan` is `plan_posts`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from dayreel.clock import local_day
from dayreel.errors import (
    ConfigurationError,
    GateClosedError,
    PermanentError,
    ProviderError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.providers.listings import ListedItem
from dayreel.providers.platforms.contract import PlatformProvider, PostRequest, Receipt
from dayreel.queries.review import as_approved, bound_fields
from dayreel.queries.rows import ContentRow, DecisionRow, decisions_after, get_content, newest_verdict, posts_of
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.gates import check_gates, closed
from dayreel.rules.post_words import music_credit, post_caption, post_marker
from dayreel.schemas.channel import Channel, Platform
from dayreel.schemas.content import FinalVideo
from dayreel.schemas.effect import OUT, Effect, EffectKey, Permit, RecordHandle
from dayreel.schemas.manifest import Manifest
from dayreel.schemas.posts import PictureCover
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.effects.ledger import has_handle
from dayreel.services.project import Project
from dayreel.services.publishing.follow_ups import follow_up, intend_follow_ups
from dayreel.services.publishing.gate_facts import ask_account, facts_of, record_account
from dayreel.services.transitions import advance, note_post_step
from dayreel.stores.catalog.tables import effects, platform_posts


@dataclass(frozen=True)
class Posted:
    """One post as it stands, and whether this call made it (`fresh`) or found it made."""

    platform: Platform
    state: str
    post_id: str | None
    url: str | None
    decision: DecisionRow
    effect: Effect
    fresh: bool


class UnfitWordsError(UsageError):
    """The platform does not take a content's words as they are; nothing was sent."""


def publish_post(
    project: Project, channel: Channel, content_id: str, platform: Platform, *, provider: PlatformProvider
) -> Posted:
    """Publish a content to one platform, or return the post it already is.

    Raises:
        GateClosedError: names each gate that holds the post back; nothing was sent.
        UsageError: no such content, or the channel does not publish there.
        UnfitWordsError: its caption is not taken there; the post has failed until it is edited.
        ProviderError: as the platform's contract says; an unknown outcome waits for `dayreel reconcile`.
    """
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
        done = _already(project, connection, row.id, platform)
    # A process may have died between its last post and this; whoever asks again ends the content.
    if done is not None:
        with project.catalog.write() as connection:
            _finish_when_all_are_out(project, connection, channel, content_id)
        follow_up(project, content_id, platform, provider)
        return done
    # Over the network, so before any transaction: a vendor that hangs must not hold the catalog.
    account = ask_account(project, provider)
    record_account(project, platform, account.identity)
    try:
        request = post_request(project, channel, row, platform)
    except UnfitWordsError as refusal:
        _refuse_words(project, channel, row, platform, account.id, refusal)
        raise
    key = _key(request, platform)

    def gates_hold(connection: Connection) -> None:
        now_row = get_content(connection, content_id, lock=True)
        _refuse_second_post(connection, now_row, platform, key)
        holding = closed(check_gates(facts_of(project, connection, channel, now_row, platform, account)))
        if holding:
            raise GateClosedError(
                f"{content_id} was not posted to {platform}: {'; '.join(gate.message for gate in holding)}.",
                next_step=f"`dayreel publish {content_id} --plan` shows every gate; nothing was sent.",
            )
        as_it_goes = as_approved(channel, now_row, newest_verdict(connection, content_id))
        _refuse_what_has_changed(project, as_it_goes, now_row, platform, key)

    with project.catalog.read() as connection:
        gates_hold(connection)
    if not _begin(project, row, platform, request, account.id, key):
        return _existing_post(project, content_id, platform)  # somebody else has made it since we looked
    intent = Intent(
        key=key,
        channel=channel,
        day=row.day,
        layer="distribution",
        request=_as_json(request),
        guards=(gates_hold,),
        records_first=True,
    )

    def act(permit: Permit, handle: dict[str, Any], record: RecordHandle) -> Done:
        receipt = _post(project, provider, permit, request, handle, record)
        if other := whose_post(project, content_id, platform, receipt):
            raise UnknownOutcomeError(
                attempted=f"post {content_id} to {platform}",
                answer=f"the one that looks like it is that of {other}",
                reference=receipt.post_id,
                next_step="Look at the account; `dayreel reconcile` lists what takes a person's word.",
            )
        return Done(vars(receipt))

    try:
        effect = project.ledger.perform(intent, act)
    except (ProviderError, GateClosedError, UsageError, ConfigurationError) as error:
        note_post(project, content_id, platform, state=_shown_state(project, key), error=str(error))
        raise
    settle_post(project, content_id, platform, _receipt(effect))
    follow_up(project, content_id, platform, provider)
    return replace(_existing_post(project, content_id, platform), fresh=True)


def _post(
    project: Project,
    provider: PlatformProvider,
    permit: Permit,
    request: PostRequest,
    handle: dict[str, Any],
    record: RecordHandle,
) -> Receipt:
    """Post once, and believe a refusal only after a look, where the platform has given us anything to look at.

    Instagram published a reel and answered 190; one status read failed, the post counted as refused, and the retry that
    was advised made a second one.
    """
    sent_at, known = project.clock.now(), dict(handle)

    def note(patch: dict[str, Any]) -> dict[str, Any]:
        known.update(record(patch) or patch)
        return dict(known)

    try:
        return provider.post(permit, request, handle=handle, record=note)
    except PermanentError as error:
        if not has_handle(known):
            raise
        try:
            finding = provider.look_up(request, known, sent_at=sent_at)
        except ProviderError as unreadable:
            raise _unproven(error, unreadable.answer) from error
        if finding.verdict == "live" and finding.receipt is not None:
            return finding.receipt
        if finding.verdict in ("absent", "resumable", "refused"):
            raise
        raise _unproven(error, finding.evidence) from error


def whose_post(project: Project, content_id: str, platform: str, receipt: Receipt) -> str | None:
    """Return which other content a post is of: two contents may have the same words, and one post is not both."""
    query = select(platform_posts.c.content_id).where(
        platform_posts.c.platform == platform,
        platform_posts.c.post_id == receipt.post_id,
        platform_posts.c.content_id != content_id,
    )
    with project.catalog.read() as connection:
        return None if receipt.post_id is None else connection.execute(query.limit(1)).scalar()


def _unproven(refusal: PermanentError, evidence: str) -> UnknownOutcomeError:
    return UnknownOutcomeError(
        attempted=refusal.attempted,
        answer=f"{refusal.answer}; and a look after that: {evidence}",
        reference=refusal.reference,
        next_step="`dayreel reconcile` looks it up again.",
        code=refusal.code,
    )


def _shown_state(project: Project, key: EffectKey) -> str:
    """Return how a post is shown whose try has ended badly: what may be out is never shown as failed."""
    effect = project.ledger.find(key)
    return {"unknown": "unknown", "sent": "sending"}.get(effect.state if effect else "", "failed")


def settle_post(
    project: Project, content_id: str, platform: str, receipt: Receipt, *, sent_at: datetime | None = None
) -> None:
    """Write down what the platform says of a post, and finish the content when all its platforms are posted.

    Args:
        sent_at: when it was sent, for a post that was found later; left out, now.
    """
    now = project.clock.now()
    posted_at = sent_at or now
    with project.catalog.write() as connection:
        channel = project.channels.load(get_content(connection, content_id).channel)
        note_post_step(connection, content_id, platform, receipt.state, at=now, actor=project.actor)
        connection.execute(
            update(platform_posts)
            .where(platform_posts.c.content_id == content_id, platform_posts.c.platform == platform)
            .values(
                state=receipt.state,
                # TikTok returns no id for a private post; its status is asked by publish_id.
                post_id=receipt.post_id or receipt.raw.get("publish_id"),
                post_url=receipt.url,
                # The first time counts: a later look must not move a post into another day and its limit.
                posted_at=func.coalesce(platform_posts.c.posted_at, posted_at),
                posted_on=func.coalesce(platform_posts.c.posted_on, local_day(posted_at, channel.timezone)),
                # Out, and not as it was asked for.
                error_message=receipt.raw.get("notice") or _out_twice(connection, content_id, platform),
                updated_at=now,
            )
        )
        intend_follow_ups(project, connection, content_id, platform)
        _finish_when_all_are_out(project, connection, channel, content_id)


def _out_twice(connection: Connection, content_id: str, platform: str) -> str | None:
    """Return what to say where two requests for one post may be out: a webhook's receiver had called one failed."""
    query = select(effects.c.id).where(
        effects.c.content_id == content_id,
        effects.c.kind == "post",
        effects.c.target == platform,
        effects.c.state.in_(OUT),
    )
    numbers = [str(number) for number in connection.execute(query.order_by(effects.c.id)).scalars()]
    several = f"it may be out more than once, as effects {' and '.join(numbers)}: look at the account"
    return several if len(numbers) > 1 else None


def _finish_when_all_are_out(project: Project, connection: Connection, channel: Channel, content_id: str) -> None:
    """Let a content be posted once each platform of its channel says so.

    Also one that was approved again after an edit, and whose last open post was found out in the meantime.
    """
    now = project.clock.now()
    row = get_content(connection, content_id, lock=True)
    posted = {post.platform for post in posts_of(connection, [content_id]) if post.state == "posted"}
    if row.state not in ("approved", "publishing") or not posted >= channel.platforms.chosen().keys():
        return
    if row.state == "approved":
        advance(connection, "content", content_id, "publish", at=now, actor=project.actor)
    advance(connection, "content", content_id, "finish", at=now, actor=project.actor, posted_at=now, error=None)


def note_post(
    project: Project, content_id: str, platform: str, *, state: str, error: str | None, was_processing: bool = False
) -> None:
    """Write down that a post failed or that its outcome is unknown; what is posted stays posted.

    Args:
        was_processing: the platform had accepted it, and has now given it up or no longer reports it.
    """
    # A late failure of one try must not hide what another one has brought out.
    settled = ("posted",) if was_processing else ("posted", "processing")
    now = project.clock.now()
    with project.catalog.write() as connection:
        note_post_step(connection, content_id, platform, state, at=now, actor=project.actor, unless=settled)
        connection.execute(
            update(platform_posts)
            .where(
                platform_posts.c.content_id == content_id,
                platform_posts.c.platform == platform,
                platform_posts.c.state.not_in(settled),
            )
            .values(state=state, error_message=error, updated_at=now)
        )


def post_request(project: Project, channel: Channel, row: ContentRow, platform: Platform) -> PostRequest:
    """Return what would be posted, read from the catalog and the manifest as they are now.

    Raises:
        UsageError: the channel does not publish there, or there is no final video.
        UnfitWordsError: the platform does not take its caption.
    """
    with project.catalog.read() as connection:
        newest = newest_verdict(connection, row.id)
    return _request(project, as_approved(channel, row, newest), row, platform, project.contents.fetched(row.id))


def _request(
    project: Project, channel: Channel, row: ContentRow, platform: Platform, manifest: Manifest
) -> PostRequest:
    fields = bound_fields(channel).get(platform)
    if fields is None:
        raise UsageError(
            f"Channel {channel.name!r} does not publish to {platform!r}.",
            next_step=f"It publishes to: {', '.join(channel.platforms.chosen()) or 'nothing'}.",
        )
    final = manifest.final_video
    if final is None:
        raise UsageError(f"{row.id} has no final video yet.", next_step="`dayreel status` shows how far it is.")
    _refuse_other_music(channel, row, final)
    try:
        caption = post_caption(channel, platform, content_id=row.id, caption=row.caption or "", idea=manifest.idea)
    except UsageError as refusal:
        raise UnfitWordsError(
            f"{row.id} cannot be posted to {platform}: {refusal.message}",
            next_step=f"`dayreel review edit {row.id} --caption TEXT`, then approve it again; what is out stays out.",
        ) from None
    return PostRequest(
        content_id=row.id,
        video=project.contents.path(row.id, final.file),
        video_sha256=final.file.sha256,
        size_bytes=final.file.size_bytes,
        duration_s=final.duration_s,
        title=caption.title or channel.title,
        caption=caption.text,
        fields=fields,
        marker=post_marker(row.id),
        cover=_cover(project, channel, platform),
    )


def _refuse_other_music(channel: Channel, row: ContentRow, final: FinalVideo) -> None:
    """Refuse to name music in a post that is not the music of its video: the channel's file has changed since."""
    credit = music_credit(channel)
    has = "" if final.music is None else final.music.licence.strip()
    if credit and credit != has and final.mode != "adopted":
        raise UsageError(
            f"{row.id} cannot be posted: its text would end with {credit!r}, and its video was composed "
            f"{f'with music of {has!r}' if has else 'without music'}.",
            next_step=f"`dayreel run --channel {row.channel} --date {row.day}` composes it again, which costs nothing; "
            "then approve it.",
        )


def _cover(project: Project, channel: Channel, platform: Platform) -> Path | None:
    fields = channel.platforms.chosen()[platform]
    path = fields.cover_path if isinstance(fields, PictureCover) else None
    return None if path is None else project.settings.channels_dir / path


def _as_json(request: PostRequest) -> dict[str, Any]:
    # What the cover is stands in the fields, with the hash of its bytes.
    return {**{name: value for name, value in vars(request).items() if name != "cover"}, "video": request.video.name}


def _key(request: PostRequest, platform: Platform) -> EffectKey:
    # Sequence 1 always: a content is posted once per platform, and trying again is the same act, not a second one.
    # What is sent is in the fingerprint, so that an edited caption cannot pass as the post that was approved.
    sent = fingerprint(video=request.video_sha256, title=request.title, caption=request.caption, fields=request.fields)
    return EffectKey(request.content_id, "post", platform, 1, sent)


def _refuse_second_post(connection: Connection, row: ContentRow, platform: str, key: EffectKey) -> None:
    """Refuse when another request for this content and platform is, or may be, out already."""
    other = connection.execute(
        select(effects.c.id, effects.c.state).where(
            effects.c.content_id == row.id,
            effects.c.kind == "post",
            effects.c.target == platform,
            # The same fingerprint is the same post, which the ledger sends once. Another one is a second post of the
            # same content.
            effects.c.fingerprint != key.fingerprint,
            effects.c.state.in_(OUT),
        )
    ).first()
    if other is not None:
        raise GateClosedError(
            f"{row.id} has another post on {platform} that is {other.state} (effect {other.id}), with another caption, "
            "video or fields.",
            next_step="`dayreel reconcile` looks it up; nothing was sent.",
        )


def _refuse_what_has_changed(
    project: Project, channel: Channel, row: ContentRow, platform: Platform, key: EffectKey
) -> None:
    """Refuse a request that is no longer what would be posted now: somebody may have edited and approved meanwhile."""
    now = _request(project, channel, row, platform, project.contents.manifest(row.id))
    if _key(now, platform) != key or now.video_sha256 != row.video_sha256:
        raise GateClosedError(
            f"{row.id} was changed while it was being prepared for {platform}; what was prepared is not sent.",
            next_step=f"`dayreel publish {row.id}` sends it as it is now, if that is approved.",
        )


def _begin(
    project: Project, row: ContentRow, platform: Platform, request: PostRequest, account: str, key: EffectKey
) -> bool:
    """Make the post's row and the ledger's row for it, and let the content be publishing; False when it is out already.

    What is out keeps its row as it is: it says by which decision it went out, and when.
    """
    with project.catalog.write("money") as connection:
        # Two runs may be here for the same post (a click and a sensor): the row lock lets one of them find it done.
        if _out(connection, row.id, platform, lock=True) is not None:
            return False
        effect_id = project.ledger.intend(
            connection, key, channel=row.channel, day=row.day, layer="distribution", request=_as_json(request)
        )
        _put_post(project, connection, row, platform, account, effect_id)
    return True


def _refuse_words(
    project: Project, channel: Channel, row: ContentRow, platform: Platform, account: str, refusal: UnfitWordsError
) -> None:
    """Let a post fail whose words its platform does not take: until they are edited it would be due at every tick."""
    as_it_goes = as_approved(channel, row, None)
    words = fingerprint(video=row.video_sha256, caption=row.caption, fields=bound_fields(as_it_goes)[platform])
    with project.catalog.write("money") as connection:
        newest = newest_verdict(connection, row.id)
        if newest is None or newest.verdict != "approved" or _out(connection, row.id, platform, lock=True) is not None:
            return
        key = EffectKey(row.id, "post", platform, 1, words)
        effect_id = project.ledger.intend(
            connection, key, channel=row.channel, day=row.day, layer="distribution", request={"caption": row.caption}
        )
        project.ledger.refuse(connection, effect_id, str(refusal))
        _put_post(project, connection, row, platform, account, effect_id)
    note_post(project, row.id, platform, state="failed", error=str(refusal))


def _put_post(
    project: Project, connection: Connection, row: ContentRow, platform: Platform, account: str, effect_id: int
) -> None:
    """Make a post's row, or begin it again, and let its content be publishing.

    The row names the effect and the decision before anything is sent: whoever looks later finds out by which approval
    it went out.
    """
    now = project.clock.now()
    decision = newest_verdict(connection, row.id)
    if decision is None:
        raise GateClosedError(f"Nobody has decided on {row.id}.", next_step=f"`dayreel review approve {row.id}`.")
    values = {
        "account": account,
        "effect_id": effect_id,
        "decision_id": decision.id,
        "state": "sending",
        "video_sha256": row.video_sha256,
        "updated_at": now,
    }
    of_this = (platform_posts.c.content_id == row.id, platform_posts.c.platform == platform)
    if connection.execute(update(platform_posts).where(*of_this).values(**values)).rowcount == 0:
        connection.execute(insert(platform_posts).values(content_id=row.id, platform=platform, **values))
    if get_content(connection, row.id).state == "approved":
        advance(connection, "content", row.id, "publish", at=now, actor=project.actor)


def adopt_post(project: Project, channel: Channel, row: ContentRow, platform: Platform, listed: ListedItem) -> None:
    """Write down that a content is out by a post that its platform lists, and that nobody here knew of.

    Raises:
        GateClosedError: nobody has decided on the content, so that it cannot be said by which approval it went out.
    """
    request = post_request(project, channel, row, platform)
    key, sent_at = _key(request, platform), listed.made_at or project.clock.now()
    receipt = Receipt("posted", listed.id, listed.url, listed.raw)
    client: PlatformProvider = project.connect(platform)
    if not _begin(project, row, platform, request, client.account(), key):
        return
    evidence = f"{platform} lists it as {listed.id}"
    project.ledger.note_found(key, sent_at=sent_at, result=vars(receipt), evidence=evidence)
    settle_post(project, row.id, platform, receipt, sent_at=sent_at)


def _out(connection: Connection, content_id: str, platform: Platform, *, lock: bool = False) -> RowMapping | None:
    """Return the row of a post that its platform has, or has accepted; with `lock` it stays as it is until the end."""
    query = select(platform_posts).where(
        platform_posts.c.content_id == content_id, platform_posts.c.platform == platform
    )
    post = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    return post if post is not None and post["state"] in ("posted", "processing") else None


def _existing_post(project: Project, content_id: str, platform: Platform) -> Posted:
    with project.catalog.read() as connection:
        effect_id = _already(project, connection, content_id, platform)
    if effect_id is None:
        raise UsageError(f"{content_id} on {platform} has no post row.", next_step="Run `dayreel reconcile`.")
    return effect_id


def _already(project: Project, connection: Connection, content_id: str, platform: Platform) -> Posted | None:
    post = _out(connection, content_id, platform)
    if post is None:
        return None
    decision = decisions_after(connection, post["decision_id"] - 1, limit=1)[0]
    effect = project.ledger.get(post["effect_id"])
    return Posted(platform, post["state"], post["post_id"], post["post_url"], decision, effect, fresh=False)


def _receipt(effect: Effect) -> Receipt:
    result = effect.result
    return Receipt(result["state"], result["post_id"], result["url"], result["raw"])
