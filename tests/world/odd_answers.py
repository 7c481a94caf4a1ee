"""What an acting request may be answered with after the vendor has acted, and whether we act twice for it.

A scenario is one acting route, one of 20 answers (a proxy's, an empty one, half of the vendor's own, its own error),
how long the service cannot be read afterwards, and what happens then; Hypothesis chooses. It plays through the real
services against the stand-ins, and ends when reads work again and a person has seen to what only a person can. Then
what the vendors saw is compared with the ledger.
"""

import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.queries.rows import get_content
from dayreel.sandbox import clips
from dayreel.schemas.effect import Effect
from dayreel.services.effects.ledger import EffectLedger
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.notify_people import notify_once
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.reconcile import reconcile, resolve
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.settings import Settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.catalog.tables import effects
from dayreel.stores.leases import Leases
from tests.days import ZONE, today
from tests.fakes.comfyui import write_workflow
from tests.fakes.project import reviewable
from tests.fakes.sandbox import RunningSandbox
from tests.world.kill_matrix.sandbox import with_one_clip
from tests.world.kill_matrix.worker import make_deployment
from tests.world.listings import LISTED_ROUTES, LISTINGS, arrange, read_so_far

CHANNEL = "asmr_crafts"
CONTENT = f"{CHANNEL}-{today()}"
HOUR_S = 3600.0
A_WHOLE_HOUR = 10**6
ROUNDS = 12
READS = (0, 1, A_WHOLE_HOUR)
THEN = ("retry", "reconcile", "another process", "restart")
PAGE = "<html><body><h1>Service Unavailable</h1></body></html>"
Document = dict[str, Any]
Act = Callable[[Project], object]

ANSWERS: Mapping[str, Document] = {
    "408 page": {"status": 408, "body": PAGE},
    "425 empty": {"status": 425, "body": ""},
    "429 page": {"status": 429, "body": PAGE, "headers": {"retry-after": "1"}},
    "429 json": {"status": 429, "body": {"message": "Too many requests"}},
    "500 empty": {"status": 500, "body": ""},
    "502 page": {"status": 502, "body": PAGE},
    "503 page": {"status": 503, "body": PAGE},
    "503 wait": {"status": 503, "body": "", "headers": {"retry-after": "1"}},
    "504 page": {"status": 504, "body": PAGE},
    "503 until": {"status": 503, "body": "", "headers": {"retry-after": "Wed, 21 Oct 2026 07:28:00"}},
    "302 elsewhere": {"status": 302, "body": "", "headers": {"location": "http://127.0.0.1:9/login"}},
    "307 elsewhere": {"status": 307, "body": "", "headers": {"location": "http://127.0.0.1:9/login"}},
    "200 page": {"status": 200, "body": PAGE},
    "200 empty": {"status": 200, "body": ""},
    "200 half": {"status": 200, "bytes": 12},
    "204 empty": {"status": 204, "body": ""},
    "401 page": {"status": 401, "body": PAGE},
    "403 page": {"status": 403, "body": PAGE},
    "404 page": {"status": 404, "body": PAGE},
    "its own error": {},
}


def _google(status: int, reason: str) -> Document:
    return {"status": status, "body": {"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}}}


def _graph(code: int, subcode: int | None = None) -> Document:
    return {"status": 400, "body": {"error": {"message": "no", "code": code, "error_subcode": subcode}}}


OWN_ERRORS: Mapping[str, tuple[Document, ...]] = {
    "anthropic/messages": (
        {"status": 500, "body": {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}},
    ),
    "openai/responses": ({"status": 500, "body": {"error": {"message": "no", "type": "server_error", "code": None}}},),
    "fal/submit": (
        {"status": 500, "body": {"detail": "no", "error_type": "internal_error"}},
        {"status": 503, "body": {"detail": "no", "error_type": "runner_scheduling_failure"}},
    ),
    "kling/submit": (
        {"status": 503, "body": {"code": 5001, "message": "Server temporarily unavailable"}},
        {"status": 500, "body": {"code": 5000, "message": "Server internal error"}},
    ),
    "runway/submit": (
        {"status": 500, "body": {"error": "Internal server error", "docUrl": "https://docs.dev.runwayml.com/api"}},
        {"status": 429, "body": {"error": "Too many requests"}},
    ),
    "comfyui/submit": (
        {"status": 400, "body": {"error": "no"}},
        {"status": 500, "body": "500 Internal Server Error"},
    ),
    "instagram/publish": (_graph(4, 2207051), _graph(190, 463), _graph(-1, 2207001), _graph(9, 2207042)),
    "tiktok/upload": (
        {"status": 403, "body": {"error": {"code": "spam_risk_user_banned_from_posting", "message": "no"}}},
        {"status": 400, "body": ""},
    ),
    "youtube/upload": (_google(403, "forbidden"), _google(403, "quotaExceeded"), _google(401, "authError")),
    # Of another delivery, as a receiver that mixes them up would say it: its own words, and no refusal of this one.
    "automation/hook": ({"status": 400, "body": {"status": "failed", "idempotency_key": "x", "reason": "no"}},),
    "slack/post": ({"status": 200, "body": {"ok": False, "error": "internal_error"}},),
    "discord/post": ({"status": 500, "body": {"code": 0, "message": "500: Internal Server Error"}},),
}
"""What each vendor itself may say after it has acted. Posts can be looked at, so there it may be any listed error."""
VIDEO_MODELS: Mapping[str, Document] = {
    "kling": {"model": "kling-v2-6"},
    "runway": {"model": "seedance2"},
    "comfyui": {"model": "workflow"},
}
"""What the days beside fal's are made with."""
KLING_PRICE = {
    "provider": "kling",
    "model": "kling-v2-6",
    "per_second_usd": {"720p": "0.042"},
    "source": "what the stand-in bills",
    "checked_on": "2026-11-30",
}
ROUTES = tuple(OWN_ERRORS)
PLATFORMS = frozenset({"instagram", "tiktok", "youtube", "automation"})
MODELS = frozenset({"anthropic", "openai"})


@dataclass(frozen=True)
class Scenario:
    """One acting route, how it is answered, and what follows.

    Attributes:
        reads: how many reads fail afterwards.
        number: which of the vendor's own errors it is, where it is one.
        is_killed: the process that dies at the answer is one of its own, and gets SIGKILL.
        listing: how the vendor lists what it did, where only its list is left to look at.
    """

    route: str
    answer: str
    reads: int
    then: str
    number: int = 0
    is_killed: bool = False
    listing: str = ""

    @property
    def fault(self) -> Document:
        own = OWN_ERRORS[self.route]
        return {**(ANSWERS[self.answer] or own[self.number % len(own)]), "reads": self.reads}


def scenarios(**given: Any) -> st.SearchStrategy[Scenario]:
    """Return what Hypothesis draws scenarios from; what is given is the same in all of them."""
    drawn = {
        "route": st.sampled_from(ROUTES),
        "answer": st.sampled_from(tuple(ANSWERS)),
        "reads": st.sampled_from(READS),
        "then": st.sampled_from(THEN),
        "number": st.integers(0, max(map(len, OWN_ERRORS.values())) - 1),
    }
    return st.builds(Scenario, **{**drawn, **{name: st.just(value) for name, value in given.items()}})


def of_examples(number: int) -> settings:
    """Return the settings for so many scenarios: the same ones each time, so that a failure comes again."""
    return settings(
        max_examples=number, derandomize=True, database=None, deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip


def every_lookup() -> list[Scenario]:
    """Return the scenarios in which only the vendor's list is left to look at."""
    cells = itertools.product(LISTED_ROUTES, ("retry", "reconcile", "restart"), LISTINGS)
    return [
        # While it acts a platform cannot be read, or it would find out by its handle what has become of the post.
        Scenario(route, "503 page", 0 if route == "fal/submit" else A_WHOLE_HOUR, then, listing=listing)
        for route, then, listing in cells
    ]


class Killed(BaseException):
    """The process is gone: nothing of ours may catch this."""


class SharedClock:
    """A clock that this process and the world have in common; waiting moves it, at least by 20 seconds, and is over."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self._sandbox = sandbox
        self._shift_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._shift_s)

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._shift_s += max(seconds, 20.0)
            self._sandbox.advance(max(seconds, 20.0))


@dataclass
class Verdict:
    """What a scenario came to: whatever is in `wrong` should not be."""

    scenario: Scenario
    extra_posts: int = 0
    extra_bills: int = 0
    looked_by_a_person: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def holds(verdict: Verdict) -> None:
    """Fail where something was done twice, or the books are wrong."""
    assert verdict.wrong == [], verdict
    assert verdict.extra_posts == verdict.extra_bills == 0, verdict


class Stage:
    """What scenarios share: a world, and projects as they are before each kind of act.

    Args:
        room: a folder of its own, best in memory.
    """

    def __init__(self, room: Path, sandbox: RunningSandbox) -> None:
        self._room = room
        self._sandbox = sandbox
        self._acts = acts()
        self._templates = self._make_templates()

    def play(self, scenario: Scenario) -> Verdict:
        """Play one scenario to its end and judge it."""
        service, route = scenario.route.split("/")
        verdict = Verdict(scenario)
        self._sandbox.reset()
        slow = ["fal_queue_s", "fal_render_s", "runway_render_s", "comfyui_render_s"]
        slow += [f"{platform}_processing_s" for platform in PLATFORMS]
        self._sandbox.pace(**dict.fromkeys(slow, 0.0))
        root = self._room / "project"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self._templates[service], root)
        clock = SharedClock(self._sandbox)
        self._sandbox.arm(service, route, "answer_after_accept", **scenario.fault)
        act = self._acts[service]
        with read_so_far(service, scenario.listing):
            self._act_first(verdict, root, clock, act)
            return self._repair(verdict, root, clock, act)

    def _act_first(self, verdict: Verdict, root: Path, clock: SharedClock, act: Act) -> None:
        scenario = verdict.scenario
        service = scenario.route.split("/")[0]
        with self._project(root, clock) as project:
            if scenario.is_killed:
                _kill_at_the_answer(root, self._sandbox.url, service)
            elif scenario.then == "restart":
                _die_at_the_answer(project, service, act)
            elif scenario.then == "another process":
                self._two_at_once(project, root, clock, act, verdict)
            else:
                _try(act, project, verdict)
            if scenario.listing:
                arrange(self._sandbox, service, scenario.listing)
            self._compare(project, verdict, "at first", is_over=False)

    def _repair(self, verdict: Verdict, root: Path, clock: SharedClock, act: Act) -> Verdict:
        scenario = verdict.scenario
        for number in range(ROUNDS):
            with self._project(root, clock) as project:
                if scenario.then == "retry":
                    _retry(project, verdict)
                else:
                    _look(project, verdict)
                is_done = _try(act, project, verdict)
                self._compare(project, verdict, f"in round {number}", is_over=False)
                if is_done and not _in_doubt(project):
                    break
                if number >= 1:  # whatever could not be read can be read again, half an hour at a time
                    clock.sleep(HOUR_S / 2)
                if number == 3:
                    self._sandbox.clear_faults()
                if number >= 4:
                    _look(project, verdict)
                    self._a_person_looks(project, verdict)
        else:
            verdict.wrong.append(f"not done after {ROUNDS} rounds: {verdict.errors[-3:]}")
        with self._project(root, clock) as project:
            _look(project, verdict)
            self._compare(project, verdict, "at the end", is_over=True)
        return verdict

    # -- the project -----------------------------------------------------------------------------------------------

    def _make_templates(self) -> dict[str, Path]:
        clock = SharedClock(self._sandbox)
        made = make_deployment(self._room / "made")
        asked = self._copy(made, "asked")
        with self._project(asked, clock) as project:
            self._acts["anthropic"](project)
        prompted = self._copy(asked, "prompted")
        with self._project(prompted, clock) as project:
            self._acts["openai"](project)
        filmed = {name: self._copy(prompted, name) for name in VIDEO_MODELS}
        for name, root in filmed.items():
            file = root / "channels" / f"{CHANNEL}.yaml"
            document = yaml.safe_load(file.read_text(encoding="utf-8"))
            document |= {
                "video": {"provider": name, **VIDEO_MODELS[name]},
                "segments": {**document["segments"], "duration_s": 5},
                "budget": {"per_content_usd": 6, "per_day_usd": 12},
            }
            file.write_text(yaml.safe_dump(document), encoding="utf-8")
            write_workflow(root)
            (root / "prices.yaml").write_text(yaml.safe_dump([KLING_PRICE]), encoding="utf-8")
        approved = self._copy(made, "approved")
        file = approved / "channels" / f"{CHANNEL}.yaml"
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
        document["platforms"]["automation"] = {}
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        video = clips.render(clips.ClipWish("a video", seed=1, duration_s=3), self._room)
        with self._project(approved, clock) as project:
            row = reviewable(project, video=video.read_bytes(), duration_s=3, name=CHANNEL)
            decide(project, row.id, "approved", by="a person", via="cli", revision=row.revision)
        return {
            "anthropic": made,
            "openai": asked,
            "fal": prompted,
            **filmed,
            **dict.fromkeys((*PLATFORMS, "slack", "discord"), approved),
        }

    def _copy(self, template: Path, name: str) -> Path:
        return Path(shutil.copytree(template, self._room / name))

    @contextmanager
    def _project(self, root: Path, clock: SharedClock, owner: str | None = None) -> Iterator[Project]:
        settings = Settings(root=root, sandbox_url=self._sandbox.url, catalog_url=None, timezone=ZONE)
        project = Project(settings, clock, open_catalog(settings.catalog), actor="test")
        if owner is not None:
            world, timezone = settings.world, settings.timezone
            project.__dict__["ledger"] = EffectLedger(
                project.catalog, clock, world=world, timezone=timezone, leases=Leases(project.catalog, owner=owner)
            )
        try:
            yield project
        finally:
            project.catalog.close()

    def _two_at_once(self, project: Project, root: Path, clock: SharedClock, act: Act, verdict: Verdict) -> None:
        with self._project(root, clock, owner="another-machine:1:1") as other:
            threads = [threading.Thread(target=_try, args=(act, each, verdict)) for each in (project, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    # -- the person ------------------------------------------------------------------------------------------------

    def _a_person_looks(self, project: Project, verdict: Verdict) -> None:
        for effect in _in_doubt(project):
            reference = _on_the_dashboard(project, effect, self._seen())
            verdict.looked_by_a_person += 1
            try:
                resolve(project, effect.id, reference=reference, by="a person", note="seen on the dashboard")
            except DayreelError as error:
                verdict.errors.append(f"resolve: {error}")

    def _seen(self) -> Document:
        """Return what the vendors have seen of us, without what others put there."""
        seen = self._sandbox.effects()
        return {**seen, "posts": [post for post in seen["posts"] if not post.get("is_planted")]}

    # -- the verdict -----------------------------------------------------------------------------------------------

    def _compare(self, project: Project, verdict: Verdict, when: str, *, is_over: bool) -> None:
        """Compare what the vendors saw with our books: never more than was wanted, never more than is booked."""
        seen, service = self._seen(), verdict.scenario.route.split("/")[0]
        booked = _booked(project, service)
        billed = sum((Decimal(made["cost_usd"]) for made in seen["generations"]), Decimal(0))
        if booked < billed:
            verdict.wrong.append(
                f"{when} ${billed} were billed and ${booked} are in the ledger, so caps count too little"
            )
        if service in ("fal", *VIDEO_MODELS):
            clips_made = [made for made in seen["generations"] if made["kind"] == "segment"]
            verdict.extra_bills = max(verdict.extra_bills, len(clips_made) - 2)
            if is_over and (len(clips_made) != 2 or booked != billed):
                verdict.wrong.append(f"{len(clips_made)} segments, ${billed} billed, ${booked} in the ledger")
        elif service in MODELS:
            rows = [row for row in _rows(project) if row.key.kind == "llm" and row.state in ("confirmed", "unknown")]
            if is_over and len(seen["generations"]) > len(rows):
                verdict.extra_bills = len(seen["generations"]) - len(rows)
        elif service in PLATFORMS:
            verdict.extra_posts = max(verdict.extra_posts, len(seen["posts"]) - 1)
            if is_over and len(seen["posts"]) != 1:
                verdict.wrong.append(f"{len(seen['posts'])} posts")
        else:
            verdict.extra_posts = max(verdict.extra_posts, len(seen["messages"]) - 1)
            if is_over and len(seen["messages"]) != 1:
                verdict.wrong.append(f"{len(seen['messages'])} messages")
        if is_over and (open_ := [f"{row.key.kind} {row.id} {row.state}" for row in _rows(project) if _is_open(row)]):
            verdict.wrong.append(f"open in the ledger: {open_}")


def acts() -> dict[str, Act]:
    """Return what acts at each vendor."""
    return {
        "anthropic": lambda project: make_idea(project, _channel(project), today(), model=project.connect("anthropic")),
        "openai": lambda project: write_prompts(project, _channel(project), today(), model=project.connect("openai")),
        "fal": partial(_film, "fal"),
        **{name: partial(_film, name) for name in VIDEO_MODELS},
        **{name: partial(_publish, name) for name in PLATFORMS},
        **{name: partial(_notify, name) for name in ("slack", "discord")},
    }


def _channel(project: Project) -> Any:
    return project.channels.load(CHANNEL)


def _film(vendor: str, project: Project) -> object:
    return render_segments(project, _channel(project), today(), source=project.connect(vendor))


def _publish(platform: Any, project: Project) -> object:
    posted = publish_post(project, _channel(project), CONTENT, platform, provider=project.connect(platform))
    if posted.state != "posted":
        raise DayreelError(f"it is {posted.state}")
    return posted


def _notify(vendor: str, project: Project) -> object:
    with project.catalog.read() as connection:
        row = get_content(connection, CONTENT)
    notified = notify_once(project, row, "subject", "a text", notifiers=[project.connect(vendor)])
    if "was not notified" in notified:
        raise DayreelError(notified)
    return notified


def _try(act: Act, project: Project, verdict: Verdict) -> bool:
    try:
        act(project)
    except DayreelError as error:
        verdict.errors.append(f"{type(error).__name__}: {error}")
        return False
    return True


def _look(project: Project, verdict: Verdict) -> None:
    verdict.errors += [f"{outcome.outcome}: {outcome.evidence}" for outcome in reconcile(project)]


def _retry(project: Project, verdict: Verdict) -> None:
    try:
        reopen_refused(project, CONTENT)
    except DayreelError as error:
        verdict.errors.append(f"retry: {error}")


def _kill_at_the_answer(root: Path, world_url: str, service: str) -> None:
    """Act in a process of its own, which gets SIGKILL when the answer has come."""
    command = [sys.executable, "-m", "tests.world.odd_answers", str(root), world_url, service]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, (done.returncode, done.stderr[-2000:])


def _die_at_the_answer(project: Project, service: str, act: Act, *, is_killed: bool = False) -> None:
    """Act in a process that dies when the answer has come, before anything of it is written down."""
    client = project.connect(service)
    name = next(name for name in ("submit", "post", "send", "ask") if hasattr(client, name))
    real = getattr(client, name)

    def dies(*args: Any, **more: Any) -> Any:
        try:
            real(*args, **more)
        finally:
            if is_killed:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed

    with mock.patch.object(client, name, dies):
        try:
            act(project)
        except Killed:
            return
    raise AssertionError("it did not act")


def _rows(project: Project) -> list[Effect]:
    with project.catalog.read() as connection:
        numbers = list(connection.execute(select(effects.c.id).order_by(effects.c.id)).scalars())
    return [project.ledger.get(number) for number in numbers]


def _is_open(effect: Effect) -> bool:
    return effect.state in ("sent", "unknown")


def _in_doubt(project: Project) -> list[Effect]:
    return [effect for effect in _rows(project) if effect.state == "unknown"]


def _booked(project: Project, target: str) -> Decimal:
    """Return what caps count of one vendor: settled, or still reserved."""
    query = select(func.sum(func.coalesce(effects.c.settled_usd, effects.c.reserved_usd)))
    query = query.where(effects.c.target == target)
    with project.catalog.read() as connection:
        return Decimal(connection.execute(query).scalar() or 0)


def _on_the_dashboard(project: Project, effect: Effect, seen: Document) -> str | None:
    """Return the vendor's id of what is in doubt, as its own pages show it."""
    if effect.key.kind == "post":
        return next((post["id"] for post in seen["posts"] if post["platform"] == effect.key.target), None)
    if effect.key.kind == "notification":
        return next((str(message.get("ts") or message.get("id")) for message in seen["messages"]), None)
    if effect.key.kind != "segment":
        return None
    ours = {value for row in _rows(project) for value in row.handle.values()}
    wanted = str(effect.request["prompt"])
    made = [made for made in seen["generations"] if made["kind"] == "segment" and made["id"] not in ours]
    return next((made["id"] for made in made if made["prompt_sha256"] == _sha256(wanted)), None)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def stage(room: Path) -> Iterator[Stage]:
    """Open a stage with a world of its own, in which every clip is the same."""
    with mock.patch.object(clips, "render", with_one_clip(room)), RunningSandbox(room / "world") as sandbox:
        yield Stage(room, sandbox)


class ImpatientClock(SystemClock):
    """The machine's clock, whose waits are over at once: only deadlines notice.

    A post that cannot be read is waited for five minutes, and nobody moves the clock of a process of its own.
    """

    _waited_s = 0.0

    def monotonic(self) -> float:
        """Return real seconds and those that were asked for."""
        return super().monotonic() + self._waited_s

    def sleep(self, seconds: float) -> None:
        """Wait for nothing."""
        self._waited_s += seconds


def _act_and_be_killed(root: Path, world_url: str, service: str) -> None:
    settings = Settings(root=root, sandbox_url=world_url, catalog_url=None, timezone=ZONE)
    project = Project(settings, ImpatientClock(), open_catalog(settings.catalog), actor="test")
    _die_at_the_answer(project, service, acts()[service], is_killed=True)


if __name__ == "__main__":
    _act_and_be_killed(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
