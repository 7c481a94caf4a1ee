"""What dayreel shows, written down: run it before and after a change that should change nothing, and compare.

    python -m tests.characterize OUT [--days N]        or        make characterize OUT=...
    diff -r BEFORE AFTER

It makes the demo project and a library of own footage in a temporary folder, under a clock that stands still, brings
contents into every state that the demo lacks, and writes one file for each output: every command with `--json` and what
people read instead, every page of the desk, every screen of the terminal in two sizes, the marts, the graph. Two runs
of the same code write the same folder; what has to differ between them (folders, ports, random ids) is in `MASKS`.

A new command, page, screen or state belongs in here. Whether an output is right is for the tests to say, not for this.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg

from dayreel.cli import run
from dayreel.clock import SystemClock
from dayreel.errors import PermanentError
from dayreel.footage.library.open_library import open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.marts.declared import MARTS
from dayreel.services.making.open_content import open_content, open_new_take
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.project import Project, login_name, open_project
from dayreel.services.reviewing.expire_reviews import remind_or_expire
from dayreel.settings import load_settings
from pipeline_assets.definitions import build_defs
from tests.fakes.clock import FakeClock
from tests.fakes.desk import Browser, desk_on, person
from tests.fakes.library import pretend_to_work
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import channel_of, content_row, make_project, reviewable, write_channel
from tests.fakes.rows import add_content, add_effect
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.graph_snapshot import sample_defs
from tests.unit.tui.terminals import Keyboard, WatchedTerminal, rendering, running, terminal, text
from tests.unit.tui.terminals import with_checks as reviewable_with_checks

REPOSITORY = Path(__file__).parents[1]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""The moment at which everything is looked at: a Monday, in whose week before lies what goes wrong in the demo."""
SIZES = ((80, 24), (120, 40))
QUIET_S = 1.0
DEADLINE_S = 60.0
MASKS = (
    (r'(name="csrf" value=")[^"]+', r"\1<csrf>"),
    (r'(name="key" value=")[0-9a-f]{64}', r"\1<session>"),
    (r"(/static/[\w.-]+)\?\w+=\w+", r"\1"),
    (r"(\d{8}T\d{12}-)[0-9a-f]{8}", r"\1<transaction>"),
    (r'"marker_stamp": \d+', '"marker_stamp": "<stamp>"'),
    (r'"pid": \d+', '"pid": "<pid>"'),
    (r'"duration_s": 0\.\d{4,}', '"duration_s": "<duration>"'),  # of a transaction; a video's has fewer digits
    (r'"seconds": [\d.]+', '"seconds": "<seconds>"'),
    (r"[\d.]+ GB free", "<space> free"),
    (r"ffmpeg \S+ at \S+,", "<ffmpeg>,"),
    (r"\d+ is (free|taken by [^\n]+)", "<port> is free or taken"),
)


@dataclass
class Recorder:
    """Writes outputs below `out`.

    Attributes:
        hidden: what differs between two runs (folders, addresses), with the name that stands for it.
    """

    out: Path
    hidden: dict[str, str] = field(default_factory=dict)

    def within(self, folder: str) -> "Recorder":
        """Return a recorder of a folder of its own."""
        return Recorder(self.out / folder, self.hidden)

    def masked(self, output: str) -> str:
        """Return an output without what differs between two runs."""
        for shown, instead in sorted(self.hidden.items(), key=lambda pair: -len(pair[0])):
            output = output.replace(shown, instead)
        for pattern, instead in MASKS:
            output = re.sub(pattern, instead, output)
        return output

    def write(self, name: str, output: str) -> None:
        """Write one output down, masked."""
        output = self.masked(output)
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.rstrip() for line in output.splitlines()) + "\n", encoding="utf-8")

    def command(self, *arguments: str) -> str:
        """Type a command, write down what it says, and return what it says on stdout."""
        code, out, err = typed(*arguments)
        name = re.sub(r"[^\w.+-]+", "_", self.masked(" ".join(arguments)).replace("--", "+"))[:120]
        output = f"$ dayreel {' '.join(arguments)}\n{out}" + (f"--- stderr\n{err}" if err else "")
        self.write(f"cli/{name}.txt", f"{output}--- exit code {code}\n")
        return out

    def both(self, *arguments: str) -> None:
        """Type a command twice: as people do, and with `--json`."""
        self.command(*arguments)
        self.command(*arguments, "--json")


def typed(*arguments: str) -> tuple[int, str, str]:
    """Type a command in this process; return its exit code, stdout and stderr."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = run(list(arguments))
    return code, out.getvalue(), err.getvalue()


def done(*arguments: str) -> None:
    """Type a command that has to succeed."""
    code, out, err = typed(*arguments)
    assert code == 0, (arguments, out, err)


# -- the project ---------------------------------------------------------------------------------------------------


def day(back: int) -> date:
    """Return the day so many days before `NOW`."""
    return NOW.date() - timedelta(days=back)


@contextlib.contextmanager
def studio_at(root: Path, moment: datetime = NOW) -> Iterator[Project]:
    """Open the project under a clock of its own."""
    project = make_project(root, channels={}, clock=FakeClock(moment))
    try:
        yield project
    finally:
        project.catalog.close()


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Project]:
    """Open the project as commands do."""
    project = open_project(load_settings(root))
    try:
        yield project
    finally:
        project.catalog.close()


def add_what_the_demo_lacks(root: Path) -> None:
    """Bring contents into every other state; days 1, 2 and 10 of `crafts` are missed."""
    everywhere = {"instagram": {"hashtags": ["#handmade"]}, "youtube": {}, "outbox": {"folder": "outbox"}}
    write_channel(root, "crafts", active_from=day(12), platforms=everywhere, timezone="America/Lima", make_at="03:00")
    write_channel(
        root,
        "pairs",
        title="Two people",
        platforms={"tiktok": {"mode": "inbox"}},
        review={"approvals": 2, "who": [login_name(), "ben"]},
    )
    write_channel(root, "resting", title="Resting", active_from=day(3), platforms={"outbox": {}})
    with studio_at(root, NOW - timedelta(days=9)) as earlier:
        reviewable(earlier, day=day(9))
    with studio_at(root) as project:
        remind_or_expire(project, notifiers=[FakeNotifier()])  # day 9 expires
        for number, back in enumerate((12, 11, 7, 6, 5)):
            reviewable(project, day=day(back), video=f"video {number}".encode())
        reviewable_with_checks(project)
        reviewable(project, name="pairs")
        fail(project, day(8))
        for back, content_id in ((4, f"crafts-{day(4)}"), (3, f"crafts-{day(3)}")):
            add_content(
                project.catalog, content_id, "rendering", at=NOW, idea=f"A basket from one willow, {back} days ago"
            )
            rendering(project, content_id)
        add_effect(project.catalog, f"crafts-{day(3)}", at=NOW, sequence=2)
        add_effect(project.catalog, f"crafts-{day(9)}", at=NOW, sequence=2, kind="notification", target="slack")
        add_content(project.catalog, f"nowhere-{day(2)}", "posted", at=NOW, idea="Its channel's file is gone")
    done("review", "reject", f"crafts-{day(12)}", "--note", "the hands look wrong")
    done("review", "reject", f"crafts-{day(11)}", "--note", "too dark")
    done("review", "hold", f"crafts-{day(7)}", "--note", "the museum has to agree")
    done("review", "approve", f"crafts-{day(6)}")
    done("review", "edit", f"crafts-{day(6)}", "--caption", "Clay and more patience", "--by", "ben")
    done("review", "approve", f"crafts-{day(5)}")
    done("review", "approve", f"pairs-{day(0)}", "--by", login_name())
    done("channels", "pin", "crafts", str(day(-2)), "--idea", "A potter mends a cracked jar with gold")
    done("channels", "pause", "resting", "--until", str(day(-8)), "--note", "holidays")
    done("config", "set", "cap.day_usd", "30")
    with studio_at(root) as project:
        open_new_take(project, content_row(project, f"crafts-{day(11)}"))


def fail(project: Project, on: date) -> None:
    """Let a content fail as its idea is bought."""

    def refuse() -> Product:
        raise PermanentError(attempted="ask anthropic for an idea", answer="HTTP 400 the prompt was refused")

    with contextlib.suppress(PermanentError):
        run_stage(project, open_content(project, channel_of(project), on), Work("ideas", "f1", "anthropic"), refuse)


def contents_with_a_page() -> list[str]:
    """Return the contents that are worth a page: all of `crafts`, and two of each other channel and state."""
    contents = json.loads(typed("status", "--all", "--json")[1])
    chosen = {content["content_id"] for content in contents if content["channel"] in ("crafts", "pairs", "nowhere")}
    groups: dict[tuple[str, str, bool], list[str]] = {}
    for content in contents:
        group = (content["channel"], content["state"], bool(content["unknown"]))
        groups.setdefault(group, []).append(content["content_id"])
    return sorted(chosen.union(*(ids[:2] for ids in groups.values()), [f"demo_crafts-{day(8)}"]))


# -- outputs -------------------------------------------------------------------------------------------------------


def record_desk(recorder: Recorder, project: Project, contents: Sequence[str], pages: Sequence[str]) -> None:
    """Write down every page, as an admin sees it; and what a viewer and somebody unknown see of some."""
    app = desk_on(project)
    everybody = {"admin": person(app, "Olga", "admin"), "viewer": person(app, "Vera", "viewer")}
    strangers = Browser(app)
    for path in [*pages, *(f"/content/{content}" for content in contents)]:
        for role, browser in everybody.items():
            if role == "admin" or path in VIEWED or path.startswith("/content/crafts"):
                _record_page(recorder, role, browser, path)
    for path in ("/", "/login", "/welcome/nothing", "/healthz"):
        _record_page(recorder, "nobody", strangers, path)


VIEWED = ("/", "/calendar", "/money", "/unknown", "/account", "/people", "/library")


def _record_page(recorder: Recorder, role: str, browser: Browser, path: str) -> None:
    answer = browser.get(path)
    name = re.sub(r"[^\w.-]+", "_", path.strip("/")) or "queue"
    kept = {key: answer.headers[key] for key in ("location", "content-type") if key in answer.headers}
    recorder.write(f"desk/{role}/{name}.html", f"{answer.status_code} {kept}\n{answer.text}")


def desk_pages(contents: Sequence[str]) -> list[str]:
    """Return the addresses of every page but the contents' own."""
    days = [f"/calendar/crafts/{day(back)}" for back in (13, 10, 8, 1, 0, -1, -2)]
    months = [f"/calendar?channel={name}" for name in ("crafts", "resting", "pairs", "demo_crafts", "demo_histories")]
    return [
        "/", "/calendar", *months, "/calendar?channel=demo_crafts&month=2026-10", "/calendar?channel=nobody", *days,
        f"/calendar/resting/{day(0)}", f"/calendar/demo_crafts/{day(5)}", "/money", "/results",
        "/unknown", "/library",
        "/library/work", "/account", "/people", "/nowhere", "/content/crafts-2020-01-01", "/docs/operate", "/docs/desk",
        *(f"/renders/{content}" for content in contents if content.startswith("crafts")),
    ]  # fmt: skip


PLACES = {"day": "1", "renders": "2", "unknown": "3", "money": "4", "library": "5"}
DIALOGS = {"approve": "a", "reject": "r", "edit": "e", "hold": "h", "recall": "c"}


def record_terminal(recorder: Recorder, project: Project, places: Sequence[str]) -> None:
    """Write down these places of the terminal, what is opened from their first line, and its dialogs."""
    for size in SIZES:
        asyncio.run(_record_terminal(recorder, project, places, size))


async def _record_terminal(recorder: Recorder, project: Project, places: Sequence[str], size: tuple[int, int]) -> None:
    app = terminal(project)
    folder = f"terminal/{size[0]}x{size[1]}"
    async with running(app, size=size) as keyboard:
        for place in places:
            recorder.write(f"{folder}/{place}.txt", await _pressed(app, keyboard, PLACES[place]))
        recorder.write(
            f"{folder}/{places[0]}_below.txt", await _pressed(app, keyboard, PLACES[places[0]], *["down"] * 8)
        )
        await _pressed(app, keyboard, *["up"] * 8)
        recorder.write(f"{folder}/{places[0]}_opened.txt", await _pressed(app, keyboard, "enter"))
        for name, key in DIALOGS.items():
            recorder.write(f"{folder}/{places[0]}_{name}.txt", await _pressed(app, keyboard, key))
            if len(app.screen_stack) > 2:  # a dialog lies over what was opened
                await _pressed(app, keyboard, "escape")


async def _pressed(app: WatchedTerminal, keyboard: Keyboard, *keys: str) -> str:
    """Press keys; return the screen once it has been the same for a while, as it looks at the catalog in between."""
    await keyboard.press(*keys)
    loop = asyncio.get_running_loop()
    ends = loop.time() + DEADLINE_S
    shown, since = text(app), loop.time()
    while loop.time() - since < QUIET_S:
        assert loop.time() < ends, f"the screen did not come to rest:\n{shown}"
        await asyncio.sleep(0.05)
        if (now := text(app)) != shown:
            shown, since = now, loop.time()
    return shown


def record_commands(recorder: Recorder, contents: Sequence[str]) -> None:
    """Write down every command that looks, and those that only do what is safe to repeat."""
    for arguments in (
        ["status"], ["status", "--all"], ["status", "--date", str(day(0))], ["status", "--date", "2020-01-01"],
        ["review", "list"], ["channels", "list"], ["channels", "validate"], ["providers"], ["config", "list"],
        ["config", "get", "switch"], ["users", "list"], ["report", "--no-open"], ["jobs", "list"], ["library", "list"],
        ["backfill", "--from", str(day(12)), "--to", str(day(0)), "--channel", "crafts", "--dry-run"],
        ["run", "--channel", "resting"], ["why", "http://127.0.0.1:8765/nothing/here"],
    ):  # fmt: skip
        recorder.both(*arguments)
    for content in contents:
        recorder.both("why", content)
        recorder.both("publish", content, "--plan")
    for what in ("show", "history", "verify", "backups"):
        recorder.both("state", what, f"content/demo_crafts-{day(4)}/metadata.json")
    recorder.command("channels", "spec", "crafts")
    recorder.command("sql", "--refresh", "--query", "SELECT 1 AS refreshed")
    for view in sorted(name.replace("/", "_") for name in MARTS):
        recorder.command("sql", "--query", f"SELECT * FROM {view} ORDER BY ALL LIMIT 400")
    recorder.both("doctor")
    done("switch", "off", "--note", "a test of the switch")
    stopped = recorder.within("stopped")
    stopped.both("config", "get", "switch")
    stopped.both("publish", f"crafts-{day(5)}", "--plan")
    done("switch", "on")
    recorder.both("reconcile")
    recorder.within("reconciled").both("status")


def record_reports(recorder: Recorder, root: Path) -> None:
    """Write down the pages that `report` has written."""
    for page in sorted(root.rglob("*.html")):
        recorder.write(f"reports/{page.relative_to(root)}", page.read_text(encoding="utf-8"))


def record_library(recorder: Recorder, root: Path, clip: Path) -> None:
    """Write down the commands, pages and screens of own footage: a movie with a question, and one with a failed job."""
    make_project(root).catalog.close()
    shutil.copy(clip, root / "Hidden Falls.mp4")
    (root / "Night Train.mp4").write_bytes(clip.read_bytes() + b"\0\0\0\x0cfreehere")
    os.chdir(root)
    os.environ["DAYREEL_LIBRARY"] = str(root / "shared")
    recorder.command("library", "init")
    recorder.command("ingest", "Hidden Falls.mp4", "--year", "2019", "--json")
    _remux(recorder, root, error=None)
    recorder.command("ingest", "Night Train.mp4", "--even-if-alike")
    _remux(recorder.within("later"), root, error="the disk is full")
    (root / "app.db.json").write_text('{"clips": [{"path": "Night Train.mp4"}], "settings": {"dryRun": true}}')
    recorder.both("migrate-v1", "app.db.json", "--dry-run")
    for arguments in (["library", "list"], ["library", "gates"], ["jobs", "list"], ["status"]):
        recorder.both(*arguments)
    with opened(root) as project:
        items = json.loads(typed("library", "list", "--json")[1])
        for item in items:
            recorder.both("library", "show", item["item_id"])
        pages = ["/", "/library", "/library/work", *(f"/library/items/{item['item_id']}" for item in items)]
        record_desk(recorder, project, (), pages)
        record_terminal(recorder, project, ("library",))
    recorder.both("library", "rebuild")
    del os.environ["DAYREEL_LIBRARY"]


def _remux(recorder: Recorder, root: Path, *, error: str | None) -> None:
    """Let the one job that waits be done, or fail."""
    recorder.both("library", "scan")
    with opened(root) as project:
        library = open_library(project)
        pretend_to_work(library, "remux", error=error)
        run_pass(library)


def record_graph(recorder: Recorder, name: str, defs: dg.Definitions) -> None:
    """Write down what Dagster is given: assets, checks, jobs with their ops, schedules, sensors, resources."""
    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    keys = sorted(graph.get_all_asset_keys(), key=lambda key: key.to_user_string())
    nodes = {key.to_user_string(): graph.get(key) for key in keys}
    assets = {
        path: {
            "deps": sorted(key.to_user_string() for key in node.parent_keys),
            "group": node.group_name,
            "kinds": sorted(node.kinds),
            "tags": dict(sorted(node.tags.items())),
            "owners": sorted(node.owners),
            "pools": sorted(node.pools or ()),
            "checks": sorted(key.name for key in graph.get_check_keys_for_assets({node.key})),
            "metadata": {key: str(value) for key, value in sorted(node.metadata.items()) if "code_ref" not in key},
            "code_version": node.code_version,
            "partitions": str(node.partitions_def),
            "automation": str(node.automation_condition and node.automation_condition.get_label()),
            "freshness": str(node.freshness_policy),
            "description": node.description,
        }
        for path, node in nodes.items()
    }
    jobs = {
        job.name: {
            "assets": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
            "ops": sorted(node.name for node in job.nodes),
            "resources": sorted(job.get_required_resource_defs()),
            "executor": job.executor_def.name,
            "tags": dict(sorted(job.tags.items())),
            "description": job.description,
        }
        for job in repository.get_all_jobs()
    }
    schedules = {
        each.name: [each.cron_schedule, each.execution_timezone, each.job_name, each.default_status.value]
        for each in repository.schedule_defs
    }
    sensors = {
        each.name: {
            "interval_s": each.minimum_interval_seconds,
            "status": each.default_status.value,
            "targets": sorted(target.job_name for target in each.targets),
            "description": each.description,
        }
        for each in repository.sensor_defs
    }
    resources = {
        key: {name: [part.config_type.key, part.is_required] for name, part in _fields(resource).items()}
        for key, resource in repository.get_top_level_resources().items()
    }
    parts = {"assets": assets, "jobs": jobs, "schedules": schedules, "sensors": sensors, "resources": resources}
    for part, entries in parts.items():
        recorder.write(f"graph/{name}/{part}.json", json.dumps(entries, indent=1, sort_keys=True))


def _fields(resource: dg.ResourceDefinition) -> dict[str, Any]:
    return dict(sorted(getattr(resource.config_schema.as_field().config_type, "fields", {}).items()))


# -- all of it -----------------------------------------------------------------------------------------------------


_start_pool = ThreadPoolExecutor.__init__


def _start_single_threaded(pool: ThreadPoolExecutor, *, max_workers: int, **others: Any) -> None:
    """Start a pool of one thread: segments are bought at once, and the order of their purchases would be anybody's."""
    del max_workers
    _start_pool(pool, max_workers=1, **others)


def characterize(out: Path, folder: Path, *, days: int) -> None:
    """Make the projects in `folder` and write every output below `out`."""
    recorder = Recorder(out, {str(folder): "<folder>", str(REPOSITORY): "<dayreel>", sys.prefix: "<python>"})
    root = folder / "demo"
    os.chdir(REPOSITORY)
    with mock.patch.object(ThreadPoolExecutor, "__init__", _start_single_threaded):
        recorder.command("demo", "--days", str(days), "--into", str(root), "--no-dagster", "--json")
    os.chdir(root)
    with RunningSandbox(root / "var" / "sandbox") as sandbox:
        recorder.hidden[sandbox.url] = "<sandbox>"
        os.environ["DAYREEL_SANDBOX_URL"] = sandbox.url
        add_what_the_demo_lacks(root)
        contents = contents_with_a_page()
        with opened(root) as project:
            record_desk(recorder, project, contents, desk_pages(contents))
            record_terminal(recorder, project, ("day", "renders", "unknown", "money"))
        record_commands(recorder, contents)
        record_reports(recorder, root)
        record_graph(recorder, "demo", build_defs(load_settings(root)))
        record_library(recorder.within("library"), folder / "library", root / "var/demo/clip.mp4")
    (folder / "samples").mkdir()
    record_graph(recorder, "samples", sample_defs(folder / "samples"))


def main() -> None:
    """Read the command line, hide this machine's own settings, and write everything down."""
    parser = argparse.ArgumentParser(prog="python -m tests.characterize")
    parser.add_argument("out", type=lambda path: Path(path).absolute(), help="an empty folder")
    parser.add_argument("--days", type=int, default=60)
    wanted = parser.parse_args()
    if wanted.out.exists() and any(wanted.out.iterdir()):
        parser.error(f"{wanted.out} is not empty")
    for name in [name for name in os.environ if name.startswith(("DAYREEL_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ["DAYREEL_REVIEWER"] = "ana"
    with (
        tempfile.TemporaryDirectory(prefix="characterize-") as folder,
        mock.patch.object(SystemClock, "now", return_value=NOW),
    ):
        characterize(wanted.out, Path(folder), days=wanted.days)


if __name__ == "__main__":
    main()
