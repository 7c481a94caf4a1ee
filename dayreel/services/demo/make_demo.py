"""`dayreel demo`: a project of its own with weeks of simulated content, made through the real services on a fast clock.

Real here: every row of the catalog and every manifest is written by the services that write them every day: ideas,
prompts, segments, narration, reviews, decisions, the effect ledger with its money and caps, posts through all gates,
measurements, marts. Shortcuts, all of them: vendors answer inside this process (`demo_vendors`); every segment is one
shared clip and every final video another, which is not composed by ffmpeg nor checked, only made unique and given a
poster; `analytics.json` is written once at the end; the catalog is not synced to disk on every commit.
"""

import hashlib
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw
from sqlalchemy import event

from dayreel.atomic_write import atomic_write_text
from dayreel.clock import Clock, SystemClock
from dayreel.errors import ProviderError, UsageError
from dayreel.marts.build import mart_files, refresh_marts
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.rules.fingerprint import fingerprint
from dayreel.sandbox.presets import AUDITED
from dayreel.sandbox.world import SandboxWorld
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import FinalVideo
from dayreel.schemas.manifest import Manifest
from dayreel.services.demo.vendors import LUCK, DemoClock, DemoGenerator, DemoModel, DemoPlatform, DemoSpeech
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.narrate import narrate
from dayreel.services.making.open_content import open_content
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.measure_accounts import measure_accounts
from dayreel.services.measure_posts import gaps_of, measure_posts, write_analytics
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reporting.draw_charts import draw_all
from dayreel.services.reporting.write_report import chart_data
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.request_review import request_review
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.mart_files import ALWAYS

SEED = 20_261_120
MEASURED_AT = time(7, 30)
PEOPLE = ("ana", "ben", "carla")
REASONS = ("the hands look wrong", "too close to last week's", "the sound does not match", "the ending is cut off")
LEAST_DAYS, MOST_DAYS = 8, 365
REJECTED = 0.14
_CLIP_S = 15
_SEGMENT_S = 5

_CHANNELS = {
    "demo_crafts": """\
# Made by `dayreel demo`; everything in this project is simulated.
title: Crafts you can hear (demo)
topic: A hyper-realistic ASMR close-up of a traditional craft on {{date}}
content_type: demo_crafts
timezone: UTC
active_from: {first}
make_at: "09:00"
ideas: {{provider: anthropic, model: claude-sonnet-5-5, avoid_days: 30, max_similarity: 97}}
prompts: {{provider: openai, model: gpt-6-luna}}
video: {{provider: fal, model: fal-ai/wan-25-preview/text-to-video}}
platforms:
  instagram: {{share_to_feed: true}}
  tiktok: {{privacy: PUBLIC_TO_EVERYONE}}
  youtube: {{privacy: public}}
experiment:
  name: opening
  layer: idea
  variants:
    A: ""
    B: Open on the sound, before anything is seen.
learn_from_results: true
""",
    "demo_histories": """\
# Made by `dayreel demo`; everything in this project is simulated.
title: Tiny histories (demo)
topic: One surprising small story from history, told on {{date}}
content_type: demo_histories
timezone: Europe/Madrid
active_from: {first}
make_at: "10:00"
ideas: {{provider: anthropic, model: claude-sonnet-5-5, avoid_days: 30, max_similarity: 97}}
prompts: {{provider: anthropic, model: claude-haiku-5-5}}
video: {{provider: fal, model: fal-ai/wan-25-preview/text-to-video}}
narration: {{provider: edge, voice: en-GB-SoniaNeural}}
platforms:
  instagram: {{share_to_feed: true}}
  youtube: {{privacy: public}}
""",
}


@dataclass(frozen=True)
class Demo:
    """What was made.

    Attributes:
        root: the project's folder; work in it as in any other.
        gaps: days whose numbers are missing, with why.
        files: mart files that were written.
        materialized: asset path, day and facts of everything that was made, for Dagster's pages.
        measured: each day on which posts were measured, with what was missing.
    """

    root: Path
    first: date
    last: date
    contents: int
    posts: int
    files: int
    gaps: dict[str, str]
    materialized: list[tuple[tuple[str, ...], str, dict[str, Any]]] = field(repr=False, default_factory=list)
    measured: list[tuple[str, list[str]]] = field(repr=False, default_factory=list)


def make_demo(
    root: Path,
    template: Path,
    *,
    days: int,
    clock: Clock | None = None,
    on_day: Callable[[date], None] = lambda _day: None,
) -> Demo:
    """Fill a new project at `root` with `days` days of simulated content that end yesterday.

    Args:
        template: the project whose workspace.yaml and dagster_home/dagster.yaml are copied.
        clock: what "yesterday" is; default is the machine's.
        on_day: called with each day before it is made.

    Raises:
        UsageError: the folder is not empty, `days` is not between 8 and 365, or `template` is not a project. Nothing
            was changed.
        MediaError: ffmpeg could not make the shared clip.
    """
    if not LEAST_DAYS <= days <= MOST_DAYS:
        raise UsageError(
            f"A demo of {days} days is not possible.", next_step=f"Choose between {LEAST_DAYS} and {MOST_DAYS} days."
        )
    if root.exists() and any(root.iterdir()):
        raise UsageError(
            f"{str(root)!r} is not empty, and a demo never mixes with other content.",
            next_step="Name another folder with --into, or delete this one.",
        )
    if not (template / "workspace.yaml").is_file():
        raise UsageError(
            f"{str(template)!r} is not a project of dayreel: it has no workspace.yaml for the demo to take over.",
            next_step="Start this in a project's folder; the demo goes into a folder of its own.",
        )
    last = (clock or SystemClock()).now().date() - timedelta(days=1)
    first = last - timedelta(days=days - 1)
    settings = _new_project(root, template, first)
    with _project(settings, datetime.combine(first, time(6), tzinfo=UTC)) as (project, time_machine):
        factory = _Factory(project, time_machine, first, last)
        project.catalog.follow = None  # thousands of commits; each copy is written once, at the end
        factory.run(on_day)
        project.copies.catch_up()
        files = refresh_marts(project, factory.days)
        for week in mart_files(project).partitions("summary/weekly"):
            mart_files(project).write_charts(week, ALWAYS, draw_all(chart_data(project, date.fromisoformat(week))))
    return Demo(
        root,
        first,
        last,
        contents=len(factory.made),
        posts=factory.posts,
        files=files,
        gaps=factory.gaps,
        materialized=factory.materialized,
        measured=factory.measured,
    )


def _new_project(root: Path, template: Path, first: date) -> Settings:
    (root / "channels").mkdir(parents=True)
    (root / "dagster_home").mkdir()
    shutil.copy(template / "workspace.yaml", root)
    if (template / "dagster_home" / "dagster.yaml").is_file():
        shutil.copy(template / "dagster_home" / "dagster.yaml", root / "dagster_home")
    for name, text in _CHANNELS.items():
        atomic_write_text(root / "channels" / f"{name}.yaml", text.format(first=first))
    # The world is in the file, so that nobody measures simulated posts in the live one by accident.
    atomic_write_text(root / ".env", f"DAYREEL_WORLD=sandbox\nDAYREEL_FIRST_DAY={first}\n")
    settings = load_settings(root)
    if settings.world != "sandbox" or settings.catalog_url is not None or settings.marts_bucket is not None:
        raise UsageError(
            "The environment names a live world, or a catalog or a bucket of its own, which a demo must not touch.",
            next_step="Unset DAYREEL_WORLD, DAYREEL_CATALOG_URL, DAYREEL_MARTS_BUCKET, delete the folder, try again.",
        )
    return settings


@contextmanager
def _project(settings: Settings, at: datetime) -> Iterator[tuple[Project, DemoClock]]:
    clock = DemoClock(at)
    catalog = open_catalog(settings.catalog)

    def unsynced(connection: Any, _record: Any) -> None:
        # A demo that loses power is made again; it needs no fsync on each of its ten thousand commits.
        connection.execute("PRAGMA synchronous = OFF")

    catalog.engine.dispose()
    event.listen(catalog.engine, "connect", unsynced)
    try:
        yield Project(settings, clock, catalog, run_id=None, actor="demo"), clock
    finally:
        catalog.close()


class _Factory:
    """One demo: its project, its vendors, and what happened on which day."""

    def __init__(self, project: Project, clock: DemoClock, first: date, last: date) -> None:
        self.project = project
        self.clock = clock
        self.dice = random.Random(SEED)
        self.days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        self.made: list[str] = []
        self.posts = 0
        self.materialized: list[tuple[tuple[str, ...], str, dict[str, Any]]] = []
        self.measured: list[tuple[str, list[str]]] = []
        self.luck: dict[str, float] = {}
        away, silent, lost, refused, deleted = (self.days[-back] for back in (6, 20 % len(self.days) or 8, 4, 7, 8))
        self.silent = silent
        self.surely_posted = {lost, refused, deleted}
        self.gaps = {away.isoformat(): "tiktok answered HTTP 503", silent.isoformat(): "the measurement did not run"}
        world = SandboxWorld(project.settings.sandbox_dir, clock=clock, preset=AUDITED)
        gone = {f"demo_crafts-{deleted}": datetime.combine(deleted + timedelta(days=3), time(0), tzinfo=UTC)}
        clip = _shared_clip(project.settings, "clip", _CLIP_S)
        self.clip, self.clip_s = clip, probe(clip).duration_s
        platforms: dict[str, Any] = {
            name: DemoPlatform(
                name,
                world,
                clock,
                luck=lambda content_id: self.luck[content_id],
                away=[away.isoformat()] if name == "tiktok" else (),
                losing=[f"demo_crafts-{lost}"] if name == "youtube" else (),
                refusing=[f"demo_histories-{refused}"] if name == "instagram" else (),
                gone=gone if name == "tiktok" else None,
            )
            for name in ("instagram", "tiktok", "youtube")
        }
        self.world = world
        self.platforms = platforms
        self.vendors: dict[str, Any] = {
            "anthropic": DemoModel("anthropic", clock, self.dice),
            "openai": DemoModel("openai", clock, self.dice),
            "fal": DemoGenerator(_shared_clip(project.settings, "segment", _SEGMENT_S), clock, self.dice),
            "edge": DemoSpeech(_shared_sound(project.settings, clip), self.clip_s, clock),
            **platforms,
        }

    def run(self, on_day: Callable[[date], None]) -> None:
        """Live through every day: measure, make, decide, post; and write each content's counters down at the end."""
        channels = self.project.channels.load_all()
        for day in self.days:
            on_day(day)
            self._measure(day)
            for channel in channels.values():
                self._live(channel, day)
        for content_id in self.made:
            write_analytics(self.project, content_id)
        self.world.store.close()

    def _measure(self, day: date) -> None:
        self.clock.move_to(datetime.combine(day, MEASURED_AT, tzinfo=UTC))
        if day == self.silent:
            return
        measured = measure_posts(self.project, day, platforms=self.platforms, analytics=False)
        measure_accounts(self.project, day, self.platforms)
        self._record(("engagement", "snapshots"), day, snapshots=sum(content.snapshots for content in measured))
        self.measured.append((day.isoformat(), gaps_of(measured)))

    def _live(self, channel: Channel, day: date) -> None:
        hour, minute = (int(part) for part in channel.make_at.split(":"))
        self.clock.move_to(datetime.combine(day, time(hour, minute), tzinfo=ZoneInfo(channel.timezone)))
        content_id = self._make(channel, day)
        self.made.append(content_id)
        chance = self.dice.random()
        self.clock.sleep(self.dice.uniform(0.2, 5.0) * 3600)
        who = self.dice.choice(PEOPLE)
        if chance < REJECTED and day not in self.surely_posted:
            no = decide(self.project, content_id, "rejected", by=who, via="cli", note=self.dice.choice(REASONS))
            self._record((channel.name, "reviews"), day, verdict="rejected", decision_id=no.id)
            return
        yes = decide(self.project, content_id, "approved", by=who, via="cli")
        self._record((channel.name, "reviews"), day, verdict="approved", decision_id=yes.id)
        self.clock.sleep(60)
        for platform in channel.platforms.chosen():
            self._post(channel, day, content_id, platform)

    def _post(self, channel: Channel, day: date, content_id: str, platform: Any) -> None:
        try:
            publish_post(self.project, channel, content_id, platform, provider=self.platforms[platform])
        except ProviderError:
            return  # it is on record as refused or unknown, which is what the demo wants to show
        self.posts += 1
        self._record((channel.name, "posts", platform), day, content_id=content_id)

    def _make(self, channel: Channel, day: date) -> str:
        project, vendors = self.project, self.vendors
        made = make_idea(project, channel, day, model=vendors[channel.ideas.provider])
        self._record((channel.name, "ideas"), day, content_id=made.content_id)
        self.luck[made.content_id] = self._luck_of(made.manifest)
        if channel.prompts is not None:
            write_prompts(project, channel, day, model=vendors[channel.prompts.provider])
            self._record((channel.name, "prompts"), day, content_id=made.content_id)
        if channel.narration is not None:
            narrate(project, channel, day, speech=vendors["edge"])
            self._record((channel.name, "narration"), day, content_id=made.content_id)
        render_segments(project, channel, day, source=vendors["fal"])
        self._record((channel.name, "raw_segments"), day, content_id=made.content_id)
        self._finish(channel, day)
        self._record((channel.name, "final_video"), day, content_id=made.content_id)
        return made.content_id

    def _finish(self, channel: Channel, day: date) -> None:
        """Stand in for composing: the shared clip with an empty box of its own behind it, and a poster."""
        project = self.project
        row = open_content(project, channel, day)
        work = Work("final_video", fingerprint(demo=row.id), "ffmpeg")

        def compose() -> Product:
            self.clock.sleep(self.dice.uniform(2, 5))
            folder = project.contents.folder(row.id)
            path = folder / "final_video.mp4"
            path.write_bytes(self.clip.read_bytes() + _free_box(row.id))
            draw_poster(folder / "poster.jpg", row.topic or "", row.id)
            shutil.copyfile(folder / "poster.jpg", folder / "contact_sheet.jpg")
            file = project.contents.record(row.id, path)
            stream = probe(path).best_video_stream()
            final = FinalVideo(
                file=file,
                revision=1,
                duration_s=round(self.clip_s, 3),
                width=stream.width,
                height=stream.height,
                loudness_lufs=None,
                true_peak_dbtp=None,
                mode="copy",
                poster="poster.jpg",
                contact_sheet="contact_sheet.jpg",
                made_at=self.clock.now(),
            )
            columns = {
                "revision": 1,
                "video_sha256": file.sha256,
                "final_video_path": f"{row.id}/final_video.mp4",
                "completed_at": self.clock.now(),
            }
            return Product({"final_video": final}, columns, parameters={"demo": "one shared clip"})

        run_stage(project, row, work, compose)
        request_review(project, channel, row.id)

    def _luck_of(self, manifest: Manifest) -> float:
        topic = manifest.idea.topic if manifest.idea else ""
        variant = 0.0 if manifest.trial is None else 0.22 if manifest.trial.variant == "B" else -0.22
        return min(0.999, max(0.0, LUCK.get(topic, 0.5) * 0.6 + 0.2 + variant + self.dice.gauss(0, 0.12)))

    def _record(self, path: tuple[str, ...], day: date, **facts: Any) -> None:
        self.materialized.append((path, day.isoformat(), {**facts, "simulated": True, "made_by": "dayreel demo"}))


def draw_poster(path: Path, topic: str, content_id: str) -> None:
    """Draw a poster that says what it is: a colour of its own, the topic, and SIMULATED."""
    hue = int(hashlib.sha256(topic.encode()).hexdigest()[:4], 16) % 360
    picture = Image.new("HSV", (270, 480), (hue * 255 // 360, 90, 180)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.text((16, 120), "SIMULATED", fill="white", font_size=40)
    for line, text in enumerate((topic[:28], content_id)):
        draw.text((16, 200 + 34 * line), text, fill="white", font_size=18)
    picture.save(path, "JPEG", quality=80)


def _free_box(content_id: str) -> bytes:
    """Return an MP4 box that players skip: it makes each copy of the shared clip a file of its own."""
    body = f"dayreel demo, simulated: {content_id}".encode()
    return (len(body) + 8).to_bytes(4, "big") + b"free" + body


def _shared_clip(settings: Settings, name: str, seconds: int) -> Path:
    path = settings.var_dir / "demo" / f"{name}.mp4"
    return _made(
        settings,
        path,
        *("-f", "lavfi", "-i", f"testsrc2=s=180x320:r=24:d={seconds}", "-f", "lavfi", "-i", f"sine=f=330:d={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "40", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "32k"),
        *("-metadata", "comment=dayreel demo (simulated)", "-movflags", "+faststart"),
    )


def _shared_sound(settings: Settings, clip: Path) -> Path:
    return _made(settings, clip.with_suffix(".m4a"), "-i", str(clip), "-vn", "-c:a", "copy")


def _made(settings: Settings, path: Path, *arguments: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [str(find_ffmpeg(settings.ffmpeg)), "-v", "error", "-y", "-nostdin", *arguments, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path
