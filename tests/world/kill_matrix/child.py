"""What runs in forked processes: the driver that makes and publishes, the person who mends, the auditor who reads.

A parent that has imported everything forks; the child opens its own catalog and its own connections, so that nothing
survives it but what it committed, as with any process that dies.
"""

import ctypes
import hashlib
import json
import os
import pickle
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NoReturn
from unittest import mock

import yaml
from sqlalchemy import select

from dayreel import processes
from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.media.checks import ExpectedVideo
from dayreel.media.compose import Composed
from dayreel.media.edit_plan import ComposePlan
from dayreel.providers.platforms.contract import PlatformProvider
from dayreel.queries.holds import holds
from dayreel.queries.rows import current_content, get_content, posts_of
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import CheckResult
from dayreel.schemas.effect import Effect
from dayreel.schemas.mart import NOT_ANSWERED
from dayreel.services.effects.ledger import EffectLedger
from dayreel.services.making import compose_video as composing
from dayreel.services.making.compose_video import compose_video
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.measure_posts import measure_posts
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.reconcile import reconcile, resolve
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.settings import Settings
from dayreel.stores.catalog.content_rows import read_content_rows
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.catalog.tables import decisions, effects, metric_snapshots, processing_logs, renders
from dayreel.stores.files import sha256_of
from tests.days import ZONE, today
from tests.world.kill_matrix.checkpoints import Checkpoints
from tests.world.kill_matrix.plan import Kill, Plan

CHANNEL = "asmr_crafts"
Document = dict[str, Any]
_CLONE_NEWPID: Final = 0x20000000
_PR_SET_PDEATHSIG: Final = 1
_KILLED: Final = 137


@dataclass(frozen=True)
class Place:
    """Where a scenario happens.

    Attributes:
        catalog_url: None is the deployment's own SQLite file.
        hurries: how much faster than real time every wait passes; deadlines included.
    """

    deployment: Path
    world_url: str
    media_cache: Path
    catalog_url: str | None = None
    hurries: float = 1.0

    def project(self, actor: str) -> Project:
        """Open the project."""
        settings = Settings(
            root=self.deployment, sandbox_url=self.world_url, catalog_url=self.catalog_url, timezone=ZONE
        )
        return Project(settings, HurriedClock(self.hurries), open_catalog(settings.catalog), actor=actor)


class HurriedClock:
    """The real time, with waits that are over at once: a deadline of minutes comes after so many waits, not minutes."""

    def __init__(self, hurries: float) -> None:
        self._hurries = hurries
        self._waited_s = 0.0

    def now(self) -> datetime:
        return SystemClock().now()

    def monotonic(self) -> float:
        return time.monotonic() + self._waited_s

    def sleep(self, seconds: float) -> None:
        self._waited_s += seconds * self._hurries
        time.sleep(min(seconds, 0.004))


@dataclass(frozen=True)
class Ended:
    """How a child ended: killed, or with a document."""

    killed: bool
    document: Document
    seconds: float


def run_child(
    act: Callable[[], Document],
    answer: Path,
    *,
    kill_after_s: float | None = None,
    most_s: float = 600,
    is_elsewhere: bool = False,
) -> Ended:
    """Fork, run `act` there, and return what it returned, or that it was killed (by itself or after `kill_after_s`).

    `is_elsewhere` forks into a PID namespace of its own, as another host of the same name: nobody here sees whether it
    lives. That takes root.

    The parent must have one thread and no open connection.
    """
    answer.unlink(missing_ok=True)
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        if is_elsewhere:
            _be_another_host()
        _be_the_child(act, answer)
    end = started + (most_s if kill_after_s is None else kill_after_s)
    pause = 0.001
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            if kill_after_s is None and os.WIFSIGNALED(status):
                raise TimeoutError(f"a child did not end within {most_s} s")
            break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)
    seconds = time.monotonic() - started
    if os.WIFSIGNALED(status):
        return Ended(True, {}, seconds)
    return Ended(False, json.loads(answer.read_text(encoding="utf-8")), seconds)


def _be_another_host() -> None:
    """Return in a process of another PID namespace; this one ends as that one does, and takes it along.

    Its first process is its init, which no signal of its own reaches: who works, and is killed, is its second.
    """
    _system("unshare", _CLONE_NEWPID)
    init = os.fork()
    if init:
        _end_as(init)
    _system("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
    worker = os.fork()
    if worker:
        _end_as(worker)
    processes._place.cache_clear()  # what the parent has found out about itself


def _system(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        raise OSError(ctypes.get_errno(), f"{name} was refused")


def _end_as(pid: int) -> NoReturn:
    _, status = os.waitpid(pid, 0)
    # What a signal has ended is passed on by a number: an init cannot end itself by one.
    is_killed = os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == _KILLED
    if is_killed and os.getpid() != 1:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(_KILLED if is_killed else 0)


def _be_the_child(act: Callable[[], Document], answer: Path) -> None:
    try:
        try:
            document = act()
        except BaseException:  # noqa: BLE001  the parent gets it, whatever it was
            document = {"crash": traceback.format_exc()}
        answer.write_text(json.dumps(document, default=str), encoding="utf-8")
    finally:
        os._exit(0)


# -- the driver ----------------------------------------------------------------------------------------------------


def drive(place: Place, plan: Plan, kill: Kill | None, grave: Path) -> Document:
    """Make the day, approve it, publish it everywhere, measure it; continue from whatever is there.

    Returns:
        `done`, `errors` (one sentence each, with its class), `passed` (names of the checkpoints).
    """
    checkpoints = Checkpoints(kill=kill, grave=grave)
    checkpoints.install()
    if plan.retries_blindly:
        _forget_doubts()
    if not plan.real_media:
        reused_media(place.media_cache).start()
    project = place.project("driver")
    if plan.looks_first:
        reconcile(project)
    errors = _make_and_publish(project)
    return {"done": not errors and is_done(project), "errors": errors, "passed": checkpoints.passed}


def warm_up(place: Place) -> None:
    """Do it all in this process, without hooks, and leave nothing open; what composition makes is kept."""
    project = place.project("warm-up")
    try:
        with reused_media(place.media_cache):
            errors = _make_and_publish(project)
    finally:
        project.catalog.close()
    assert not errors, errors


def _forget_doubts() -> None:
    """Plant a ledger for which a lost answer counts as "nothing happened", as the best known tools do."""
    settle = EffectLedger._settle

    def forgetful(self: EffectLedger, effect_id: int, state: str, *, cost_usd: Decimal | None, **more: Any) -> None:
        settle(self, effect_id, "intended" if state == "unknown" else state, cost_usd=cost_usd, **more)

    EffectLedger._settle = forgetful  # type: ignore[method-assign]


def _make_and_publish(project: Project) -> list[str]:
    try:
        content_id = _make(project)
    except DayreelError as error:
        return [f"{type(error).__name__}: {error}"]
    return _publish(project, content_id)


def _make(project: Project) -> str:
    channel, day = project.channels.load(CHANNEL), today()
    make_idea(project, channel, day, model=project.connect(channel.ideas.provider))
    assert channel.prompts is not None
    write_prompts(project, channel, day, model=project.connect(channel.prompts.provider))
    render_segments(project, channel, day, source=project.connect(channel.video.provider))
    content_id = compose_video(project, channel, day).content_id
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
    if row.state == "review_pending":
        decide(project, content_id, "approved", by="a person", via="cli", revision=row.revision)
    return content_id


def _publish(project: Project, content_id: str) -> list[str]:
    channel = project.channels.load(CHANNEL)
    platforms: dict[str, PlatformProvider] = {name: project.connect(name) for name in channel.platforms.chosen()}
    errors = []
    for name in channel.platforms.chosen():
        try:
            publish_post(project, channel, content_id, name, provider=platforms[name])
        except DayreelError as error:
            errors.append(f"{name}: {type(error).__name__}: {error}")
    if not errors:
        measured = measure_posts(project, today(), platforms=platforms)
        unread = [(platform.platform, why) for platform in measured for why in platform.missing.values()]
        errors += [f"measure {platform}: {why}" for platform, why in unread if why != NOT_ANSWERED]
    return errors


def is_done(project: Project) -> bool:
    """Whether the content and each of its posts are posted."""
    channel = project.channels.load(CHANNEL)
    with project.catalog.read() as connection:
        row = current_content(connection, CHANNEL, today())
        if row is None or row.state != "posted":
            return False
        posts = {post.platform: post.state for post in posts_of(connection, [row.id])}
    return posts == dict.fromkeys(channel.platforms.chosen(), "posted")


def reused_media(cache: Path) -> Any:
    """Return the patch by which composition takes what the same inputs gave before: ffmpeg is needed once."""
    real = {name: getattr(composing, name) for name in ("compose", "check_final_video")}

    def compose(segments: list[Path], dest: Path, *, plan: ComposePlan, ffmpeg: Path) -> Composed:
        request = repr(([sha256_of(path) for path in segments], replace(plan, metadata={})))
        kept = cache / hashlib.sha256(request.encode()).hexdigest()
        if not kept.with_suffix(".pickle").exists():
            made = real["compose"](segments, dest, plan=plan, ffmpeg=ffmpeg)
            checks = real["check_final_video"](made.path, _expected(plan, made, len(segments)), ffmpeg=ffmpeg)
            _keep(made.path, kept.with_suffix(".mp4"))
            _keep_bytes(pickle.dumps((made, checks)), kept.with_suffix(".pickle"))
        stored: tuple[Composed, list[CheckResult]] = pickle.loads(kept.with_suffix(".pickle").read_bytes())
        _keep(kept.with_suffix(".mp4"), dest)
        return replace(stored[0], path=dest)

    def picture(_video: Path, dest: Path) -> Path:
        _keep_bytes(b"a picture", dest)
        return dest

    def check_final_video(path: Path, _expected: Any, *, ffmpeg: Path) -> list[CheckResult]:
        for kept in cache.glob("*.pickle"):
            made, checks = pickle.loads(kept.read_bytes())
            if made.sha256 == sha256_of(path):
                return list(checks)
        raise AssertionError(f"{path} was never composed")

    return mock.patch.multiple(
        composing, compose=compose, poster=picture, contact_sheet=picture, check_final_video=check_final_video
    )


def _expected(plan: ComposePlan, made: Composed, count: int) -> ExpectedVideo:
    return ExpectedVideo(
        duration_s=count * (plan.segment_duration_s or 0),
        width=plan.width,
        height=plan.height,
        loudness_lufs=plan.loudness_lufs if made.loudness_lufs is not None else None,
        max_true_peak_dbtp=plan.true_peak_dbtp,
    )


def _keep(source: Path, target: Path) -> None:
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, aside)
    aside.replace(target)


def _keep_bytes(data: bytes, target: Path) -> None:
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(target)


# -- the person ----------------------------------------------------------------------------------------------------


def mend(place: Place, dashboards: Mapping[str, Any]) -> Document:
    """Do what a person would whom `dayreel status` has called: look up, look at the dashboards, try refused acts again.

    Args:
        dashboards: `/_world/effects`; it stands for the vendors' own pages. `refused` is added: whether the error was
            a model's refusal.

    Returns:
        `parked`: how many unknown outcomes took a person; `resolved`: what was said of each; `errors`.
    """
    project = place.project("a person")
    outcomes = reconcile(project)
    parked = [
        reconciled
        for reconciled in outcomes
        if reconciled.outcome == "parked" and _is_unknown(project, reconciled.effect_id)
    ]
    resolved = []
    for outcome in parked:
        reference = _look(project, outcome.effect_id, dashboards)
        resolve(project, outcome.effect_id, reference=reference, by="a person", note="seen on the dashboard")
        resolved.append(f"{outcome.kind} {outcome.sequence} at {outcome.target}: {reference or 'not there'}")
    with project.catalog.read() as connection:
        row = current_content(connection, CHANNEL, today())
    if row is not None:
        reopen_refused(project, row.id)
    if dashboards["refused"]:
        _change_topic(place)
    return {"parked": len(parked), "resolved": resolved}


def _change_topic(place: Place) -> None:
    """Do what a model's refusal asks for."""
    file = place.deployment / "channels" / f"{CHANNEL}.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["topic"] += ", filmed kindly"
    _keep_bytes(yaml.safe_dump(document).encode(), file)


def _is_unknown(project: Project, effect_id: int) -> bool:
    return project.ledger.get(effect_id).state == "unknown"


def _look(project: Project, effect_id: int, dashboards: Mapping[str, Any]) -> str | None:
    effect = project.ledger.get(effect_id)
    if effect.key.kind == "post":
        posts = [post for post in dashboards["posts"] if post["platform"] == effect.key.target]
        return next((post["id"] for post in posts if post["caption"] == effect.request["caption"]), None)
    with project.catalog.read() as connection:
        handles = list(connection.execute(select(effects.c.handle).where(effects.c.kind == "segment")).scalars())
    return unclaimed(effect, handles, dashboards["generations"])


def unclaimed(effect: Effect, handles: Iterable[Mapping[str, Any]], generations: Iterable[Document]) -> str | None:
    """Return the vendor's id of a lost segment: one of the same prompt that no effect of ours has as its handle."""
    ours = {handle.get("request_id") for handle in handles}
    prompt = hashlib.sha256(str(effect.request["prompt"]).encode()).hexdigest()
    for made in generations:
        if made["kind"] == "segment" and made["prompt_sha256"] == prompt and made["id"] not in ours:
            return str(made["id"])
    return None


# -- the auditor ---------------------------------------------------------------------------------------------------


def audit(place: Place) -> Document:
    """Return what our own books say once the sweeper has come by, for comparison with what the vendors say."""
    project = place.project("auditor")
    reconcile(project)
    with project.catalog.read() as connection:
        rows = [dict(row) for row in connection.execute(select(effects).order_by(effects.c.id)).mappings()]
        row = current_content(connection, CHANNEL, today())
        posts = [vars(post) for post in posts_of(connection, [row.id])] if row else []
        drawn = [
            dict(render_row)
            for render_row in connection.execute(select(renders.c.sequence, renders.c.state)).mappings()
        ]
        logs = list(connection.execute(select(processing_logs.c.status)).scalars())
        snapshots = list(connection.execute(select(metric_snapshots.c.platform)).scalars())
        approved = list(connection.execute(select(decisions.c.caption)).scalars())
        copied = {} if row is None else read_content_rows(connection, row.id)
    channel: Channel = project.channels.load(CHANNEL)
    return {
        "state": row.state if row else None,
        "video_sha256": row.video_sha256 if row else None,
        "caption": row.caption if row else None,
        "platforms": list(channel.platforms.chosen()),
        "segments": channel.segments.count,
        "effects": [
            {
                "id": effect["id"],
                "kind": effect["kind"],
                "target": effect["target"],
                "sequence": effect["sequence"],
                "state": effect["state"],
                "lost": bool(effect["result"].get("lost")),
                "cost_usd": str(effect["settled_usd"] or Decimal(0)),
                "attempts": effect["attempts"],
                "layer": effect["layer"],
                "request_id": effect["handle"].get("request_id"),
            }
            for effect in rows
        ],
        "posts": [{name: post[name] for name in ("platform", "state", "post_id")} for post in posts],
        "renders": drawn,
        "logs": logs,
        "snapshots": snapshots,
        "approved": approved,
        "held": [hold.target for hold in holds(project).vendors],
        "is_copied": row is not None and (project.copies.read(row.id) or {}).items() >= copied.items(),
    }
