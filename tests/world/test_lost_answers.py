"""What a person sees and types when an answer is lost, a cap is near, or everything has to stop."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select

from dayreel.cli import run as dayreel
from dayreel.errors import GateClosedError, StoreError, UnknownOutcomeError
from dayreel.sandbox import clips
from dayreel.schemas.channel import Channel
from dayreel.schemas.effect import EffectKey
from dayreel.services.effects.intent import Done, Intent
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.stores.catalog.tables import effects
from tests.days import today
from tests.fakes.project import reviewable
from tests.fakes.sandbox import RunningSandbox
from tests.world.kill_matrix import child
from tests.world.kill_matrix.sandbox import with_one_clip
from tests.world.kill_matrix.worker import PROJECT, make_deployment


class Deployment:
    """A deployment with a sandbox world, a person at its command line, and a way into its services."""

    def __init__(
        self, root: Path, sandbox: RunningSandbox, project: Project, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.root = root
        self.sandbox = sandbox
        self.project = project
        self._capsys = capsys
        self.day = today()
        self.content_id = f"{child.CHANNEL}-{self.day}"

    def hurry(self) -> None:
        """Let deadlines of minutes pass in moments."""
        self.project = replace(self.project, clock=child.HurriedClock(100.0), providers={})

    @property
    def channel(self) -> Channel:
        return self.project.channels.load(child.CHANNEL)

    def say(self, *words: str) -> Any:
        """Type a command that succeeds, and return what it printed: as JSON where it is JSON."""
        self._capsys.readouterr()
        code = dayreel(words)
        printed = self._capsys.readouterr()
        assert code == 0, printed.err
        return json.loads(printed.out) if "--json" in words else printed.out

    def status(self) -> dict[str, Any]:
        return dict(self.say("status", "--json")[0])

    def publish(self, platform: Any) -> Any:
        provider = self.project.connect(platform)
        return publish_post(self.project, self.channel, self.content_id, platform, provider=provider)

    def render(self) -> Any:
        return render_segments(self.project, self.channel, self.day, source=self.project.connect("fal"))

    def bought(self) -> int:
        return sum(made["kind"] == "segment" for made in self.sandbox.effects()["generations"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A world of one clip: no test here is about what is in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "render", with_one_clip(tmp_path_factory.mktemp("clip")))
        with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
            yield sandbox


@pytest.fixture
def sandbox(world: RunningSandbox) -> RunningSandbox:
    """The world as on its first day, and quick."""
    slow = ("fal_queue_s", "fal_render_s", "instagram_processing_s", "tiktok_processing_s", "youtube_processing_s")
    world.reset()
    world.pace(**dict.fromkeys(slow, 0.0))
    return world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment as it is before its first run."""
    return make_deployment(tmp_path_factory.mktemp("made") / "deployment")


@pytest.fixture(scope="module")
def prompted(made: Path, world: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment whose day has its prompts."""
    root = tmp_path_factory.mktemp("prompted") / "deployment"
    shutil.copytree(made, root)
    with project_on(root, world) as project:
        ask_for_prompts(project)
    return root


@pytest.fixture(scope="module")
def approved(made: Path, world: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment whose day is made and approved: its video is one that every platform takes."""
    root = tmp_path_factory.mktemp("approved") / "deployment"
    shutil.copytree(made, root)
    video = clips.render(clips.ClipWish("a video", seed=1, duration_s=3), root.parent)
    with project_on(root, world) as project:
        row = reviewable(project, video=video.read_bytes(), name=child.CHANNEL)
        decide(project, row.id, "approved", by="a person", via="cli", revision=row.revision)
    return root


@contextmanager
def project_on(root: Path, sandbox: RunningSandbox) -> Iterator[Project]:
    project = child.Place(root, sandbox.url, root).project("test")
    try:
        yield project
    finally:
        project.catalog.close()


Opener = Callable[[Path], Deployment]


@pytest.fixture
def open_project(
    sandbox: RunningSandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Opener]:
    """Open a copy of a deployment."""
    with ExitStack() as opened:

        def opener(template: Path) -> Deployment:
            root = tmp_path / "deployment"
            shutil.copytree(template, root)
            monkeypatch.chdir(root)
            monkeypatch.setenv("DAYREEL_SANDBOX_URL", sandbox.url)
            monkeypatch.setenv("DAYREEL_REVIEWER", "a person")
            return Deployment(root, sandbox, opened.enter_context(project_on(root, sandbox)), capsys)

        yield opener


@pytest.fixture
def new(open_project: Opener, prompted: Path) -> Deployment:
    return open_project(prompted)


@pytest.fixture
def ready(open_project: Opener, approved: Path) -> Deployment:
    return open_project(approved)


# -- posts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("platform", "route"), [("instagram", "publish"), ("tiktok", "upload"), ("youtube", "upload")])
@pytest.mark.parametrize("fault", ["lose_answer", "error_after_accept"])
def test_a_lost_answer_is_confirmed_by_reconcile_with_one_post(
    ready: Deployment, platform: str, route: str, fault: str
) -> None:
    ready.sandbox.arm(platform, route, fault)
    try:
        ready.publish(platform)
    except UnknownOutcomeError:
        assert ready.status()["posts"][platform]["state"] == "unknown"
    # YouTube's session and Instagram's container can be asked at once, so that an HTTP 500 may leave no doubt at all.

    ready.say("reconcile", "--json")
    again = ready.publish(platform)

    assert again.state == "posted"
    assert not again.fresh
    assert again.effect.state == "confirmed"
    assert [post["platform"] for post in ready.sandbox.effects()["posts"]] == [platform]
    assert ready.status()["unknown"] == []


def test_an_unknown_post_is_not_sent_again_however_often_asked(ready: Deployment) -> None:
    ready.sandbox.arm("instagram", "publish", "lose_answer")
    for _ in range(3):
        with pytest.raises(UnknownOutcomeError, match="looked up"):
            ready.publish("instagram")

    assert len(ready.sandbox.effects()["posts"]) == 1


def test_a_post_that_fails_while_processing_is_sent_again(ready: Deployment) -> None:
    ready.hurry()
    ready.sandbox.arm("tiktok", "init", "stuck")
    assert ready.publish("tiktok").state == "processing"

    ready.sandbox.clear_faults()
    ready.sandbox.arm("tiktok", "status", "completed_with_error")
    (outcome,) = ready.say("reconcile", "--json")
    assert outcome["outcome"] == "released"
    assert ready.status()["posts"]["tiktok"]["state"] == "failed"

    assert ready.publish("tiktok").state == "posted"
    assert len(ready.sandbox.effects()["posts"]) == 1


def test_a_post_is_parked_until_its_platform_reports_it_again(ready: Deployment) -> None:
    ready.hurry()
    ready.sandbox.arm("youtube", "list", "expired_token", times=1000)
    assert ready.publish("youtube").state == "processing"

    (outcome,) = ready.say("reconcile", "--json")
    assert outcome["outcome"] == "parked"
    assert "--not-there" in outcome["next_step"]

    ready.sandbox.clear_faults()
    ready.say("reconcile")
    assert ready.publish("youtube").state == "posted"
    assert len(ready.sandbox.effects()["posts"]) == 1


# -- segments ----------------------------------------------------------------------------------------------------------


def test_a_lost_submit_is_found_and_made_without_a_person(new: Deployment) -> None:
    new.sandbox.arm("fal", "submit", "lose_answer")
    with pytest.raises(UnknownOutcomeError):
        new.render()
    outcomes = new.say("reconcile", "--json")
    new.render()

    assert [outcome["outcome"] for outcome in outcomes if outcome["kind"] == "segment"] == ["goes_on"]
    assert new.bought() == 2
    assert new.status()["unknown"] == []


def test_a_lost_submit_is_parked_and_resumed_without_rebuying(new: Deployment) -> None:
    new.sandbox.pace(fal_listing_s=1e9)
    new.sandbox.arm("fal", "submit", "lose_answer")
    with pytest.raises(UnknownOutcomeError):
        new.render()
    assert new.bought() == 2

    outcomes = new.say("reconcile", "--json")
    (parked,) = new.status()["unknown"]

    assert [outcome["outcome"] for outcome in outcomes if outcome["kind"] == "segment"] == ["parked"]
    assert parked["kind"] == "segment"
    assert parked["next"] == f"dayreel reconcile --effect {parked['effect_id']} --found ID (or --not-there)"
    assert new.status()["next"] == "dayreel reconcile"
    assert Decimal(parked["reserved_usd"]) == Decimal("0.20")

    reference = child._look(new.project, parked["effect_id"], new.sandbox.effects())
    assert reference is not None
    new.say("reconcile", "--effect", str(parked["effect_id"]), "--found", reference)
    new.render()

    assert new.bought() == 2
    assert new.status()["unknown"] == []


def test_a_submit_a_person_reports_missing_is_bought_once(new: Deployment) -> None:
    new.sandbox.arm("fal", "submit", "error", status=500)
    with pytest.raises(UnknownOutcomeError):
        new.render()
    assert new.bought() == 1
    (parked,) = new.status()["unknown"]

    new.say("reconcile", "--effect", str(parked["effect_id"]), "--not-there", "--note", "no such request on the page")
    new.render()

    assert new.bought() == 2


@pytest.mark.parametrize("route", ["status", "result"])
def test_a_key_that_expires_during_a_segment_buys_nothing_again(new: Deployment, route: str) -> None:
    new.sandbox.arm("fal", route, "expired_token", times=100)
    for _ in range(2):
        with pytest.raises(Exception, match="HTTP 401"):
            new.render()
        new.say("reconcile")
    new.sandbox.clear_faults()
    new.render()

    assert new.bought() == 2


def test_a_person_can_release_a_segment_its_service_denies(new: Deployment) -> None:
    new.sandbox.arm("fal", "status", "error", times=100, status=404)
    with pytest.raises(Exception, match="HTTP 404"):
        new.render()
    for outcome in new.say("reconcile", "--json"):
        assert outcome["outcome"] == "parked"
        new.say("reconcile", "--effect", str(outcome["effect_id"]), "--not-there")
    new.sandbox.clear_faults()

    new.render()
    assert new.bought() == 4  # the person's word; what they paid for and gave up is theirs to know


def test_a_send_whose_handle_could_not_be_saved_is_parked(new: Deployment) -> None:
    key = EffectKey(new.content_id, "segment", "fal", 9, "a request")

    def act(*_: Any) -> Done:
        raise StoreError("The disk is full.")

    with pytest.raises(StoreError):
        new.project.ledger.perform(Intent(key, new.channel, new.day, "video", most_usd=Decimal("0.10")), act)

    effect = new.project.ledger.find(key)
    assert effect is not None
    assert effect.state == "unknown"
    assert effect.reserved_usd == Decimal("0.10")


def test_a_segment_made_after_its_process_died_is_reconciled(new: Deployment) -> None:
    """Nobody has to run anything for the ledger to know what was bought; the next run only fetches it."""
    new.sandbox.arm("fal", "status", "expired_token", times=100)
    with pytest.raises(Exception, match="HTTP 401"):
        new.render()
    new.sandbox.clear_faults()

    outcomes = [outcome for outcome in new.say("reconcile", "--json") if outcome["kind"] == "segment"]
    assert [outcome["outcome"] for outcome in outcomes] == ["confirmed", "confirmed"]
    assert new.say("reconcile", "--json") == []
    new.render()
    assert new.bought() == 2


# -- stopping ----------------------------------------------------------------------------------------------------------


def test_the_kill_switch_stops_posts_that_were_already_queued(ready: Deployment) -> None:
    ready.say("switch", "off", "--note", "something is wrong")
    with pytest.raises(GateClosedError, match="switch"):
        ready.publish("instagram")
    assert ready.sandbox.effects()["posts"] == []

    ready.say("switch", "on")
    assert ready.publish("instagram").state == "posted"


def test_the_kill_switch_stops_segments_of_a_run_that_has_begun(new: Deployment) -> None:
    new.say("switch", "off")
    with pytest.raises(GateClosedError, match="kill switch"):
        new.render()
    assert new.bought() == 0

    new.say("switch", "on")
    new.render()
    assert new.bought() == 2


def ask_for_prompts(project: Project, name: str = child.CHANNEL) -> None:
    channel = project.channels.load(name)
    make_idea(project, channel, today(), model=project.connect("anthropic"))
    write_prompts(project, channel, today(), model=project.connect("openai"))


# -- money -------------------------------------------------------------------------------------------------------------


def test_two_runs_at_once_spend_no_more_than_the_day_allows(open_project: Opener, made: Path) -> None:
    deployment = open_project(made)
    channels = deployment.root / "channels"
    names = ("asmr_crafts", "other_crafts")
    document = yaml.safe_load((channels / "asmr_crafts.yaml").read_text(encoding="utf-8"))
    document["segments"] = {"count": 4, "duration_s": 2, "resolution": "720p"}
    # Ten cents are not enough to think an idea over.
    document["ideas"]["effort"] = document["prompts"]["effort"] = "none"
    for name in names:
        (channels / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    price = {
        "provider": "fal",
        "model": "fal-ai/wan/v2.7/text-to-video",
        "per_second_usd": {"720p": "0.0085"},
        "source": "cheap enough for some segments, not for all",
        "checked_on": "2026-11-20",
    }
    (deployment.root / "prices.yaml").write_text(yaml.safe_dump([price]), encoding="utf-8")
    deployment.say("config", "set", "cap.day_usd", "0.10")
    for name in names:
        ask_for_prompts(deployment.project, name)

    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.world.two_buyers",
        str(deployment.root),
        deployment.sandbox.url,
    ]
    done = subprocess.run([*command, *names], cwd=PROJECT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)

    ours = _spent(deployment)
    generations = deployment.sandbox.effects()["generations"]
    theirs = sum(
        (Decimal(generation["cost_usd"]) for generation in generations if generation["kind"] == "llm"), Decimal(0)
    )
    theirs += Decimal("0.017") * deployment.bought()
    assert any("cap.day_usd = $0.10" in words for words in totals), totals
    assert deployment.bought() > 0
    assert theirs <= ours <= Decimal("0.10")


def _spent(deployment: Deployment) -> Decimal:
    reconcile(deployment.project)
    query = select(func.sum(func.coalesce(effects.c.settled_usd, effects.c.reserved_usd)))
    with deployment.project.catalog.read() as connection:
        return Decimal(connection.execute(query).scalar() or 0)
