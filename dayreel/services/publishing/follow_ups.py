"""What is done with a post once it is out: thumbnail, playlist, subtitles. Each is an effect of its own, at most once.

They are written down as intended in the transaction that says that the post is out, and done after it: by the run that
posted, else by a chore. Whatever becomes of them, the post stands and is never sent again. What they are is in the
platform's record (`follow_ups`); looking up a lost one is `upkeep.reconcile`, trying a refused one again
`upkeep.retry_content`.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from dayreel.errors import DayreelError, GateClosedError, UsageError
from dayreel.media.stills import poster
from dayreel.providers.platforms.approved import approved_file
from dayreel.providers.platforms.contract import FollowsUp, PostRequest
from dayreel.queries.config import read_config
from dayreel.queries.rows import PostRow, get_content, posts_of
from dayreel.rules.fingerprint import fingerprint
from dayreel.rules.flags import why_nothing_is_posted, why_nothing_starts
from dayreel.schemas.effect import FOLLOW_UPS, MOST_FOLLOW_UP_SENDS, Effect, EffectKey, EffectKind, Permit, RecordHandle
from dayreel.schemas.posts import COVER_HASH
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.effects.ledger import effect_of
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.registry import platform_named


def intend_follow_ups(project: Project, connection: Connection, content_id: str, platform: str) -> None:
    """Write down, with the post's own row, what is to be done with a post that is out and has an id."""
    post = _post(connection, content_id, platform)
    plan = platform_named(platform).follow_ups
    if plan is None or post is None or post.state != "posted" or post.post_id is None:
        return
    row = get_content(connection, content_id)
    sent = effect_of(connection.execute(select(effects).where(effects.c.id == post.effect_id)).mappings().one())
    for kind, asked in plan(sent.request.get("fields") or {}).items():
        request = {**asked, "post_id": post.post_id}
        project.ledger.intend(
            connection,
            EffectKey(content_id, _kind(kind), platform, 1, fingerprint(**request)),
            channel=row.channel,
            day=row.day,
            layer="distribution",
            request=request,
        )


def follow_up(project: Project, content_id: str, platform: str, provider: object) -> list[str]:
    """Do what is to be done with a post and was not done yet; return a sentence for each that did not work."""
    with project.catalog.read() as connection:
        its = (
            effects.c.content_id == content_id,
            effects.c.target == platform,
            effects.c.kind.in_(FOLLOW_UPS),
            effects.c.world == project.settings.world,
        )
        query = select(effects).where(*its, effects.c.state.in_(("intended", "sent"))).order_by(effects.c.id)
        waiting = [effect_of(row) for row in connection.execute(query).mappings()]
    problems = []
    for effect in waiting:
        try:
            _do(project, effect, provider)
        except DayreelError as error:
            problems.append(f"{platform}: {effect.key.kind} of {content_id}: {error}")
    return problems


def due_follow_ups(project: Project) -> dict[tuple[str, str], datetime]:
    """Return content and platform of every post with something to be done that nobody has to look at first, and since
    when it waits.
    """
    if why_nothing_starts(project.settings) or why_nothing_is_posted(project.settings):
        return {}
    with project.catalog.read() as connection:
        if read_config(connection, "switch").value == "off":
            return {}
        query = select(effects.c.content_id, effects.c.target, effects.c.created_at).where(
            effects.c.state == "intended",
            effects.c.kind.in_(FOLLOW_UPS),
            effects.c.world == project.settings.world,
            effects.c.attempts < MOST_FOLLOW_UP_SENDS,
        )
        rows = connection.execute(query.order_by(effects.c.content_id, effects.c.target, effects.c.created_at))
        return {(row.content_id, row.target): row.created_at for row in rows}


def do_due_follow_ups(project: Project) -> list[str]:
    """Do what `due_follow_ups` names; return a sentence for each that did not work. None holds back another one."""
    problems = []
    for content_id, platform in due_follow_ups(project):
        try:
            problems += follow_up(project, content_id, platform, project.connect(platform))
        except DayreelError as error:
            problems.append(f"{platform}: {content_id}: {error}")
    return problems


def _do(project: Project, effect: Effect, provider: object) -> None:
    key, asked = effect.key, dict(effect.request)
    if not isinstance(provider, FollowsUp):
        raise UsageError(f"{key.target} does nothing with a post that is out.")
    client = provider
    channel = project.channels.load(effect.channel or "")
    with project.catalog.read() as connection:
        row = get_content(connection, key.content_id)
        post = _post(connection, key.content_id, key.target)

    def may_go_out(connection: Connection) -> None:
        if stopped := why_nothing_is_posted(project.settings, by_hand=platform_named(key.target).by_hand):
            raise GateClosedError(f"Nothing goes out on {key.target}: {stopped}.")
        is_live = project.settings.world == "live"
        if is_live and read_config(connection, f"publish.{key.target}").value != "live":
            raise GateClosedError(f"Nothing goes out on {key.target}: it is in dry run.")

    def act(permit: Permit, _handle: dict[str, Any], _record: RecordHandle) -> Done:
        file = None
        if key.kind == "thumbnail":
            file = _cover(project, key.content_id, asked, post)
        elif key.kind == "subtitles":
            file = _subtitles(project, key.content_id, post)
            if file is None:
                return Done({"subtitles": "nothing is spoken"})
            asked["language"] = channel.language
        return Done(client.follow_up(permit, asked, post_id=str(asked["post_id"]), file=file))

    project.ledger.perform(Intent(key, channel, row.day, "distribution", request=asked, guards=(may_go_out,)), act)


def _cover(project: Project, content_id: str, asked: Mapping[str, Any], post: PostRow | None) -> Path:
    """Return the picture of a thumbnail: the approved file, or the frame of the approved video.

    Raises:
        UsageError: the video is not the one that was posted.
    """
    if asked.get("cover_file"):
        return project.settings.channels_dir / str(asked["cover_file"]).partition(COVER_HASH)[0]
    if post is None:
        raise UsageError(f"{content_id} has no post.", next_step="Run `dayreel reconcile`.")
    sent = {**project.ledger.get(post.effect_id).request, "fields": {}}
    request = PostRequest(**{**sent, "video": project.contents.folder(content_id) / Path(str(sent["video"])).name})
    project.contents.fetch(content_id)
    with approved_file(request):
        return poster(request.video, request.video.with_name("cover.jpg"), float(asked["cover_at_s"]))


def _subtitles(project: Project, content_id: str, post: PostRow | None) -> Path | None:
    """Return the subtitles of the video that was posted; None where nothing of it is spoken.

    Raises:
        UsageError: they are not those any more, or the video is older than subtitles are.
    """
    project.contents.fetch(content_id)
    manifest = project.contents.manifest(content_id)
    final, track = manifest.final_video, manifest.narration
    record = next((each for each in final.subtitles if each.path.endswith(".srt")), None) if final else None
    if final is None or record is None:
        if track is None or not track.words:
            return None
        raise UsageError(
            f"{content_id} is spoken, and its video was composed without subtitles beside it.",
            next_step="Add them by hand on the platform; the post stands.",
        )
    is_posted = post is not None and post.video_sha256 == final.file.sha256
    if not is_posted or not project.contents.is_intact(content_id, record):
        raise UsageError(
            f"The subtitles {record.path!r} of {content_id} are not those of the video that was posted.",
            next_step="Add them by hand on the platform; the post stands.",
        )
    return project.contents.path(content_id, record)


def _post(connection: Connection, content_id: str, platform: str) -> PostRow | None:
    return next((post for post in posts_of(connection, [content_id]) if post.platform == platform), None)


def _kind(name: str) -> EffectKind:
    return next(kind for kind in FOLLOW_UPS if kind == name)
