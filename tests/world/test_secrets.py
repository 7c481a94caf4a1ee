"""Secrets pushed through every error path of every provider: a server echoes what it got, and nobody passes it on.

The sandbox world's keys are the marked ones. A proxy in front of it turns hostile at one request after another, so that
each step of each flow gets an answer that repeats address, headers and body in every field that a message is made from.
"""

import itertools
import logging
import os
import re
import shutil
import stat
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import ffmpeg as ffmpeg_graph
import pytest
import requests

from dayreel.errors import DayreelError
from dayreel.media.run import run_ffmpeg
from dayreel.providers.llm.contract import Question
from dayreel.providers.notifiers.contract import Card, Interaction, Message
from dayreel.providers.speech.contract import SpeechRequest
from dayreel.providers.speech.espeak import EspeakSpeech
from dayreel.providers.video.contract import SegmentRequest
from dayreel.sandbox import clips, credentials
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.request_review import notify_reviewers
from dayreel.services.sandbox_world import clean_environment
from dayreel.settings import Settings
from dayreel.testing.proxy import SHAPES, HostileProxy, hostile_proxy
from dayreel.vendors.access import Access
from dayreel.vendors.registry import platform_named, vendor_named, vendors
from dayreel.vendors.token import Token
from tests.fakes.permits import make_permit
from tests.fakes.project import channel_of, reviewable, today
from tests.fakes.sandbox import RunningSandbox
from tests.unit.providers.platforms.posting import Recorder, WaitingClock, make_request

NOT_SECRET = {"INSTAGRAM_ACCOUNT_ID", "SLACK_CHANNEL_ID", "TIKTOK_CLIENT_KEY", "YOUTUBE_CLIENT_ID", "KLING_ACCESS_KEY"}
NOT_SECRET |= {"DISCORD_CHANNEL_ID", "DISCORD_PUBLIC_KEY"}
MARKED = {value for name, value in credentials.SANDBOX_CREDENTIALS.items() if name not in NOT_SECRET}
MARKED |= {credentials.INSTAGRAM_LOGIN_TOKEN, "marked-press-0001"}
CARD = Card("m-1", "t", "Crafts", "wool", "words", (), "http://127.0.0.1:8700/x")
# What vendors hand out on the way: Google's access tokens, the token made of Kling's keys, TikTok's new ones.
ISSUED = re.compile(r"ya29\.sandbox-\w+|eyJ[\w-]{10,}\.[\w-]+|act\.sandbox-[0-9a-f]{8}|rft\.sandbox-[0-9a-f]{8}")
# The address of an upload is a key as well: kept as a handle, to continue from, and never in a message.
UPLOAD = re.compile(r"upload_(?:id|token)=\w+|/slack/upload/\w+")
SENT_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_clip: Path) -> Iterator[RunningSandbox]:
    """A world whose segments are one and the same clip: nobody looks at them."""

    def render(wish: clips.ClipWish, folder: Path) -> Path:
        return Path(shutil.copy(tiny_clip, folder / f"{wish.key}.mp4"))

    pace = {"fal_queue_s": 0, "fal_render_s": 0, "kling_render_s": 0, "rate_limits": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "render", render)
        with RunningSandbox(tmp_path_factory.mktemp("world"), pace=pace) as sandbox:
            yield sandbox


@pytest.fixture(scope="module")
def proxy(world: RunningSandbox) -> Iterator[HostileProxy]:
    with hostile_proxy(world.url) as running:
        yield running


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file that is not a video: an upload's steps are the same."""
    path = tmp_path / "final_video.mp4"
    path.write_bytes(bytes(5000))
    return path


class HurriedClock(WaitingClock):
    """Every wait takes twenty times as long, so that a deadline of minutes comes after a few polls."""

    def sleep(self, seconds: float) -> None:
        super().sleep(20 * seconds)


def way(proxy: HostileProxy, world: RunningSandbox, **changes: str) -> Access:
    variables = {**credentials.SANDBOX_CREDENTIALS, **changes}
    return Access("sandbox", variables.get, proxy.url, HurriedClock(world.advance), Path())


def leaks(text: str) -> list[str]:
    """Return every marked value in a text, as it is or inside another writing of it."""
    leaked = {secret for secret in MARKED if secret in text} | set(ISSUED.findall(text))
    return sorted(leaked)


def all_of(error: BaseException) -> str:
    """Return everything that printing an error can show: its causes and their arguments, but no variables."""
    parts, seen = ["".join(traceback.format_exception(error))], error
    while seen is not None:
        parts.append(f"{seen!r} {vars(seen)!r}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)  # type: ignore[assignment]
    return "\n".join(parts)


Flow = Callable[[Access, Path], list[Callable[[], Any]]]


def question(model: str) -> Question:
    schema = {"type": "object", "properties": {"idea": {"type": "string"}}, "required": ["idea"]}
    return Question(model, "You write.", "An idea", {**schema, "additionalProperties": False}, "idea")


def language(vendor: str, model: str) -> Flow:
    def flow(access: Access, _file: Path) -> list[Callable[[], Any]]:
        client = vendor_named(vendor).connect(access)
        return [lambda: client.ask(make_permit("llm", vendor), question(model))]

    return flow


def video(vendor: str, model: str) -> Flow:
    def flow(access: Access, file: Path) -> list[Callable[[], Any]]:
        client = vendor_named(vendor).connect(access)
        request = SegmentRequest(model=model, prompt="wool", duration_s=5, resolution="720p")
        handles: list[dict[str, Any]] = [{"request_id": "none", "task_id": "none", "model": model}]
        permit = make_permit("segment", vendor)

        def submit() -> dict[str, Any]:
            handles.insert(0, client.submit(permit, request))
            return handles[0]

        def fetch() -> None:
            client.fetch(client.follow(handles[0]).file_url or f"{access.sandbox_url}/fal/files/x/y.mp4", file)

        return [
            submit,
            lambda: client.follow(handles[0]),
            fetch,
            lambda: client.cancel(handles[0]),
            lambda: client.find(permit.key, request, sent_at=access.clock.now()),
        ]

    return flow


def posting(platform: str, **variables: str) -> Flow:
    def flow(access: Access, file: Path) -> list[Callable[[], Any]]:
        client = vendor_named(platform).connect(
            Access(
                "sandbox",
                lambda name: variables.get(name) or access.variable(name),
                access.sandbox_url,
                access.clock,
                access.root,
            )
        )
        request, recorder = make_request(platform, file), Recorder()

        def post() -> Any:
            return client.post(make_permit("post", platform), request, handle=recorder.last, record=recorder)

        look = lambda: client.look_up(request, recorder.last, sent_at=SENT_AT)  # noqa: E731
        return [client.quota, post, look, lambda: client.counters(["123"]), lambda: client.plan(request)]

    return flow


def telling(chat: str, **handle: str) -> Flow:
    def flow(access: Access, file: Path) -> list[Callable[[], Any]]:
        client = vendor_named(chat).connect(access)
        permit = make_permit("notification", chat)
        way_back = {"trigger_id": "marked-press-0001", "application": "11", "token": "marked-press-0001"}
        interaction = Interaction("edit", "t", "42", "ana", credentials.SLACK_CHANNEL_ID, way_back=way_back)
        acts = [
            lambda: client.send(permit, Message("hello", marker="m-1")),
            lambda: client.find("m-2"),
            lambda: client.ask(permit, CARD, preview=file if client.preview_rides_along else None),
            lambda: client.attach(permit, handle, file, marker="m-1/preview"),
            lambda: client.redraw(permit, handle, CARD),
            lambda: client.reply_ephemeral(interaction, "no"),
        ]
        return [*acts, lambda: client.open_form(interaction, CARD, within_s=60)] if chat == "slack" else acts

    return flow


def shown(act: Callable[[Access, Token], object], access: Access, token: Token) -> str:
    return repr(act(access, token))


def renewing(access: Access, _file: Path) -> list[Callable[[], Any]]:
    now = access.clock.now()
    given = {
        "tiktok": Token(credentials.TIKTOK_ACCESS_TOKEN, credentials.TIKTOK_REFRESH_TOKEN, None, None, now),
        "instagram": Token(credentials.INSTAGRAM_LOGIN_TOKEN, None, None, None, now),
    }
    ways = [(platform_named(vendor).token, token) for vendor, token in given.items()]
    acts = [(act, token) for way, token in ways if way is not None for act in (way.renew, way.prove)]
    return [partial(shown, act, access, token) for act, token in acts]


def proving(vendor: str) -> Flow:
    def flow(access: Access, _file: Path) -> list[Callable[[], Any]]:
        ask = vendor_named(vendor).prove
        assert ask is not None
        return [partial(ask, access, ["claude-haiku-5-5"])]

    return flow


def looking_up(access: Access, _file: Path) -> list[Callable[[], Any]]:
    tmdb = vendor_named("tmdb").connect(access)
    return [lambda: tmdb.movie("Hidden Falls", 2019), lambda: tmdb.series("Blue Coast", 2)]


FLOWS: dict[str, Flow] = {
    "anthropic": language("anthropic", "claude-haiku-5-5"),
    "openai": language("openai", "gpt-6-luna"),
    "fal": video("fal", "fal-ai/wan-25-preview/text-to-video"),
    "kling": video("kling", "kling-v2-6"),
    "runway": video("runway", "gen4.5"),
    "instagram": posting("instagram"),
    "instagram login": posting("instagram", INSTAGRAM_ACCESS_TOKEN=credentials.INSTAGRAM_LOGIN_TOKEN),
    "tiktok": posting("tiktok"),
    "youtube": posting("youtube"),
    "slack": telling("slack", channel=credentials.SLACK_CHANNEL_ID, ts="1.000001"),
    "discord": telling("discord", channel=credentials.DISCORD_CHANNEL_ID, id="1300000000000000001"),
    "tmdb": looking_up,
    "renewal": renewing,
    **{
        f"{vendor.name}'s proof": proving(vendor.name)
        for vendor in vendors()
        if set(vendor.needs) & set(credentials.SANDBOX_CREDENTIALS)
    },
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", FLOWS)
def test_no_vendor_answer_leaks_a_secret_into_output_or_logs(
    name: str, shape: str, world: RunningSandbox, proxy: HostileProxy, small: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="dayreel")
    failures = 0
    for step in itertools.count(1):
        world.reset()
        proxy.begin(step, shape)
        for act in FLOWS[name](way(proxy, world), small):
            try:
                shown = repr(act())
            except DayreelError as error:
                shown = all_of(error)
                failures += 1
                assert not UPLOAD.search(shown), f"request {step}: {shown}"
            assert not leaks(shown), f"request {step}: {shown}"
            if proxy.has_turned:
                break
        else:
            break
    is_proof_enough = name.endswith("proof") and shape == "garbage 200"
    assert failures or is_proof_enough, "nothing went wrong, so nothing was shown"
    assert not leaks(caplog.text)
    assert not UPLOAD.search(caplog.text)


def test_the_net_has_no_hole(world: RunningSandbox, proxy: HostileProxy) -> None:
    """A message that does echo what was sent is found: otherwise the tests above could not fail."""
    proxy.begin(1, "json 401")
    response = requests.post(
        f"{proxy.url}/slack/api/auth.test", headers={"Authorization": "Bearer xoxb-sandbox"}, timeout=60
    )
    assert leaks(response.text) == ["xoxb-sandbox"]


def test_a_failing_day_leaves_no_secret_in_any_stored_file(
    world: RunningSandbox, proxy: HostileProxy, tmp_path: Path, make_project: Callable[..., Project]
) -> None:
    """Ideas, prompts, segments, notification and posts, each against hostile answers; then everything that is kept."""
    platforms = {"instagram": {}, "tiktok": {"privacy": "SELF_ONLY"}, "youtube": {"privacy": "private"}}
    outcomes: list[str] = []
    shapes = ("json 401", "codes 400", "lost")
    for number, shape in enumerate(shapes):
        world.reset()
        root = tmp_path / str(number)
        project = make_project(root, channels={"crafts": {"platforms": platforms}}, clock=WaitingClock(world.advance))
        project = replace(project, settings=Settings(_env_file=None, root=root, sandbox_url=proxy.url), providers={})
        outcomes += _goes_wrong(project, proxy, shape)
    assert len([outcome for outcome in outcomes if outcome.startswith("failed")]) > 4 * len(shapes)
    assert not leaks("\n".join(outcomes))
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert not leaks(path.read_bytes().decode("latin-1")), path


def _goes_wrong(project: Project, proxy: HostileProxy, shape: str) -> list[str]:
    """Work through a day; the first request of each act, and the third of each post, gets a hostile answer."""
    channel, day = channel_of(project), today(project)
    content_id = f"crafts-{day}"

    def post(platform: Any) -> Callable[[], Any]:
        return lambda: publish_post(project, channel, content_id, platform, provider=project.connect(platform))

    making: list[Callable[[], Any]] = [
        lambda: make_idea(project, channel, day, model=project.connect("anthropic")),
        lambda: write_prompts(project, channel, day, model=project.connect("openai")),
        lambda: render_segments(project, channel, day, source=project.connect("fal")),
    ]
    order = ((making[0], 1), (making[0], 0), (making[1], 1), (making[1], 0), (making[2], 1))
    outcomes = [_outcome_of(proxy, step, shape, act) for act, step in order]
    row = reviewable(project)
    outcomes.append(
        _outcome_of(
            proxy, 1, shape, lambda: notify_reviewers(project, channel, row, notifiers=[project.connect("slack")])
        )
    )
    decide(project, row.id, "approved", by="test", via="cli")
    return outcomes + [
        _outcome_of(proxy, step, shape, post(platform)) for platform in channel.platforms.chosen() for step in (1, 3)
    ]


def _outcome_of(proxy: HostileProxy, step: int, shape: str, act: Callable[[], Any]) -> str:
    proxy.begin(step, shape)
    try:
        return f"worked {act()!r}"
    except DayreelError as error:
        return f"failed {all_of(error)}"


SHOWS_ITS_ENVIRONMENT = """#!{python} -I
import os, sys
open({out!r}, "a").write(repr(dict(os.environ)) + repr(sys.argv))
sys.exit(3)
"""


def test_no_program_that_is_started_gets_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ffmpeg, espeak-ng and the sandbox world; cloudflared has a test of its own beside its file."""
    for name in credentials.SANDBOX_CREDENTIALS:
        monkeypatch.setenv(name, f"marked-{name}")
    monkeypatch.setenv("DAYREEL_TOKEN_KEY", "marked-token-key")
    out = tmp_path / "seen"
    program = tmp_path / "program"
    program.write_text(SHOWS_ITS_ENVIRONMENT.format(python=sys.executable, out=str(out)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(DayreelError):
        EspeakSpeech(program=str(program)).speak(
            make_permit("narration", "espeak"), SpeechRequest("hello", "en"), dest=tmp_path / "a"
        )
    spec = ffmpeg_graph.output(ffmpeg_graph.input("color=c=black", f="lavfi", t=1), str(tmp_path / "a.mp4"))
    with pytest.raises(DayreelError):
        run_ffmpeg(spec, ffmpeg=program, doing="try it", folder=tmp_path)
    seen = out.read_text()
    assert seen.count("PATH") >= 2
    assert "marked-" not in seen
    assert os.environ["FAL_KEY"] == "marked-FAL_KEY"
    assert not [name for name, value in clean_environment().items() if "marked-" in value]
