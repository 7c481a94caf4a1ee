"""Every face names the same unknown outcomes, whatever effects, decisions and posts there are.

Here with a few of them; `make soak PART=faces` goes through many more.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from dayreel.cli import run
from dayreel.clock import SystemClock
from dayreel.errors import TransientError
from dayreel.processes import this_process
from dayreel.queries.queue import dashboard
from dayreel.queries.unknown_outcomes import unknown_outcomes
from dayreel.rules.key_like import HIDDEN
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.setting_up.examine import check_outcomes
from dayreel.services.upkeep.chores import due_chores
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.stores.catalog.tables import content, decisions, effects, platform_posts
from dayreel.stores.leases import CONTINUED_WITHIN
from dayreel.tui.unknown import UnknownScreen
from tests.fakes.desk import Browser, desk_on, person
from tests.fakes.project import reviewable

OVER = timedelta(minutes=-1)
LONG_OVER = -CONTINUED_WITHIN + OVER
AHEAD = timedelta(minutes=5)
US = this_process()
DEAD = f"{US.rsplit(':', 1)[0]}:another-start"
ELSEWHERE = "another-host:1:1.00"


REQUEST = {
    "content_id": "crafts-2026-11-20",
    "video": "final_video.mp4",
    "video_sha256": "0" * 64,
    "size_bytes": 1,
    "duration_s": 15,
    "title": "Crafts",
    "caption": "Clay",
    "fields": {},
    "marker": "dr-0",
}


@dataclass(frozen=True)
class Standing:
    """How an effect stands, and whether its outcome is unknown then."""

    state: str
    is_unknown: bool
    owner: str | None = None
    lease: timedelta = AHEAD
    has_thread: bool = False


STANDINGS = (
    Standing("intended", is_unknown=False),
    Standing("confirmed", is_unknown=False),
    Standing("refused", is_unknown=False),
    Standing("unknown", is_unknown=True),
    Standing("sent", is_unknown=False, owner=US, has_thread=True),
    Standing("sent", is_unknown=True, owner=US),  # a thread of this process that is gone
    Standing("sent", is_unknown=True, owner=DEAD),
    Standing("sent", is_unknown=False, owner=ELSEWHERE),
    Standing("sent", is_unknown=True, owner=ELSEWHERE, lease=OVER),
    Standing("sent", is_unknown=False, lease=OVER),  # given back with its id: the next run continues it
    Standing("sent", is_unknown=True, lease=LONG_OVER),
)
WORLDS = {"crafts-2026-11-20": "sandbox", "crafts-2026-11-19": "sandbox", "crafts-2026-11-18": "live"}
ACTS = st.tuples(
    st.sampled_from([*WORLDS, None]),
    st.sampled_from([("segment", "fal"), ("post", "instagram"), ("llm", "anthropic"), ("notification", "slack")]),
    st.sampled_from(STANDINGS),
    st.sampled_from(["sandbox", "live"]),
)
EVERY_STANDING = [
    (content_id, ("post", "instagram"), standing, "sandbox")
    for content_id in ("crafts-2026-11-19", "crafts-2026-11-18", None)
    for standing in STANDINGS
]
POSTS = st.dictionaries(
    st.tuples(st.sampled_from(list(WORLDS)), st.sampled_from(["instagram", "tiktok"])),
    st.sampled_from(["sending", "processing", "posted", "failed", "unknown"]),
    max_size=4,
)
DECISIONS = st.lists(
    st.tuples(st.sampled_from(list(WORLDS)), st.sampled_from(["approved", "rejected", "held", "endorsed"])), max_size=3
)


class Away:
    """A vendor of any family that does not answer."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def ask(*_what: object, **_more: object) -> Any:
            raise TransientError(attempted=name, answer="nothing")

        return ask


@dataclass(frozen=True)
class Faces:
    """Everything that names unknown outcomes, on one project."""

    project: Project
    browser: Browser
    capsys: pytest.CaptureFixture[str]

    def banner(self) -> int:
        """What the banner and the badge of the desk's pages count; both say the same."""
        page = self.browser.open("/")
        badge = re.search(r'<b class="badge">(\d+)</b>', page)
        sentence = re.search(r"(\d+) acts? ha(?:s|ve) an unknown outcome", page)
        assert (badge and badge[1]) == (sentence and sentence[1])
        return int(badge[1]) if badge else 0

    def page(self) -> set[int]:
        """What the desk's page of unknown outcomes lists."""
        return {int(number) for number in re.findall(r'id="effect-(\d+)"', self.browser.open("/unknown"))}

    def content_pages(self) -> int:
        """What the pages of the contents count together."""
        pages = (self.browser.open(f"/content/{content_id}") for content_id in WORLDS)
        return sum(int(number) for page in pages for number in re.findall(r"(\d+) unknown outcomes?<", page))

    def queue(self) -> int:
        """What the queue's items count together."""
        page = self.browser.open("/?view=all")
        return sum(int(number) for number in re.findall(r"(\d+) unknown outcomes?:", page))

    def terminal(self) -> set[int]:
        """What the terminal lists; its day counts as many."""
        listed = {outcome.effect_id for outcome in UnknownScreen().look(self.project).here}
        assert {outcome.effect_id for outcome in dashboard(self.project).alarms.unknown.here} == listed
        return listed

    def status(self) -> set[int]:
        """What `dayreel status --all --json` lists, as per content and about none."""
        self.capsys.readouterr()
        assert run(["status", "--all", "--json"]) == 0
        documents = json.loads(self.capsys.readouterr().out)
        return {effect["effect_id"] for document in documents for effect in document["unknown"]}

    def doctor(self) -> set[int]:
        """What `dayreel doctor` names."""
        (check,) = check_outcomes(self.project.settings)
        return numbers(check.found)

    def sensor(self) -> set[int]:
        """What the sensor starts a look at."""
        return {
            number
            for chore in due_chores(self.project, targets=everything_to("slack"))
            for number in numbers(chore.about)
        }


def numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"effect (\d+)", text)}


@pytest.fixture
def faces(
    make_project: Callable[..., Project],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Faces:
    monkeypatch.chdir(tmp_path)
    away = dict.fromkeys(("fal", "instagram", "tiktok", "anthropic", "slack"), Away())
    project = make_project(clock=SystemClock(), providers=away)
    now = project.clock.now()
    with project.catalog.write() as connection:
        for content_id, world in WORLDS.items():
            channel, _, day = content_id.partition("-")
            fixed = {"take": 1, "state": "publishing", "created_at": now, "updated_at": now}
            values = {"id": content_id, "channel": channel, "day": datetime.fromisoformat(day).date(), "world": world}
            connection.execute(insert(content).values(**values, **fixed, storage_path=content_id))
    return Faces(project, person(desk_on(project), "Olga", "operator"), capsys)


@pytest.fixture
def at_work(faces: Faces) -> Iterator[set[str]]:
    """Effects that a thread of this process is said to be at, until the test is over."""
    work: set[str] = set()
    with faces.project.leases.beating():
        yield work
    no_more(faces, work)


def no_more(faces: Faces, work: set[str]) -> None:
    while work:
        faces.project.leases.end(work.pop())


# One project for all examples, emptied before each: what is tested is the queries, not the making of projects.
@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(acts=EVERY_STANDING, posts={("crafts-2026-11-20", "tiktok"): "unknown"}, verdicts=[])
@given(acts=st.lists(ACTS, max_size=7), posts=POSTS, verdicts=DECISIONS)
def test_every_face_names_the_same_outcomes(
    faces: Faces,
    at_work: set[str],
    acts: list[tuple[str | None, tuple[str, str], Standing, str]],
    posts: dict[tuple[str, str], str],
    verdicts: list[tuple[str, str]],
) -> None:
    see_that_all_agree(faces, at_work, acts, posts, verdicts)


def see_that_all_agree(
    faces: Faces,
    at_work: set[str],
    acts: list[tuple[str | None, tuple[str, str], Standing, str]],
    posts: dict[tuple[str, str], str],
    verdicts: list[tuple[str, str]],
) -> int:
    """Ask every face after these rows; return how many of the effects have an unknown outcome."""
    no_more(faces, at_work)
    expected = arrange(faces.project, at_work, acts, posts, verdicts)
    assert {outcome.effect_id for outcome in unknown_outcomes(faces.project).here} == expected
    assert faces.banner() == len(expected)
    of_contents = [number for number in expected if acts[number - 1][0] is not None]
    assert faces.content_pages() == faces.queue() == len(of_contents)
    looked_at = {
        "page": faces.page(),
        "terminal": faces.terminal(),
        "status": faces.status(),
        "doctor": faces.doctor(),
        "sensor": faces.sensor(),
    }
    assert looked_at == dict.fromkeys(looked_at, expected)
    known = {row["id"]: row["state"] for row in ledger(faces.project)}
    under_way = {number for number, state in known.items() if state in ("confirmed", "sent")} - expected
    reconciled = {outcome.effect_id for outcome in reconcile(faces.project)}
    assert reconciled - under_way == expected
    return len(expected)


def arrange(
    project: Project,
    at_work: set[str],
    acts: list[tuple[str | None, tuple[str, str], Standing, str]],
    posts: dict[tuple[str, str], str],
    verdicts: list[tuple[str, str]],
) -> set[int]:
    """Write these rows down in place of those before; return the effects whose outcome is unknown in this world."""
    expected: set[int] = set()
    with project.catalog.write("money") as connection:
        for table in (platform_posts, decisions, effects):
            connection.execute(delete(table))
        connection.execute(update(content).values(state="publishing"))
        for number, (content_id, (kind, target), standing, world) in enumerate(acts, start=1):
            without_content = content_id is None
            its_world = world if content_id is None else WORLDS[content_id]
            connection.execute(
                insert(effects).values(
                    **effect_values(project, number),
                    content_id=content_id,
                    channel=None if without_content else "crafts",
                    kind="notification" if without_content else kind,
                    target="slack" if without_content else target,
                    world=its_world,
                    state=standing.state,
                    owner=standing.owner,
                    lease_until_at=project.clock.now() + standing.lease,
                )
            )
            if standing.has_thread:
                at_work.add(f"effect {number}")
                project.leases.begin(connection, f"effect {number}", 1)
            if standing.is_unknown and its_world == project.settings.world:
                expected.add(number)
        for content_id, verdict in verdicts:
            connection.execute(insert(decisions).values(**decision_values(project, content_id), verdict=verdict))
        for number, ((content_id, platform), state) in enumerate(posts.items(), start=100):
            values = {**effect_values(project, number), "content_id": content_id, "channel": "crafts", "kind": "post"}
            values |= {"target": platform, "world": WORLDS[content_id], "state": "confirmed"}
            connection.execute(insert(effects).values(**values))
            decided = connection.execute(
                insert(decisions).values(**decision_values(project, content_id), verdict="approved")
            )
            key = decided.inserted_primary_key
            assert key is not None
            connection.execute(
                insert(platform_posts).values(
                    content_id=content_id,
                    platform=platform,
                    account="a",
                    effect_id=number,
                    decision_id=key[0],
                    state=state,
                    video_sha256="0" * 64,
                    updated_at=project.clock.now(),
                )
            )
    return expected


def effect_values(project: Project, number: int) -> dict[str, Any]:
    now = project.clock.now()
    result = {"state": "posted", "post_id": f"p{number}", "url": f"https://p.example/{number}", "raw": {}}
    return {
        "id": number,
        "sequence": number,
        "fingerprint": f"f{number}",
        "day": datetime.fromisoformat("2026-11-20").date(),
        "layer": "video",
        "request": REQUEST,
        "handle": {"request_id": f"r{number}"},
        "result": result,
        "reserved_usd": Decimal("0.25"),
        "created_at": now - timedelta(hours=1),
        "sent_at": now - timedelta(hours=1),
    }


def decision_values(project: Project, content_id: str) -> dict[str, Any]:
    values = {"content_id": content_id, "revision": 1, "video_sha256": "0" * 64, "caption": "c", "fields": {}}
    return {**values, "decided_by": "ana", "via": "cli", "decided_at": project.clock.now()}


def ledger(project: Project) -> list[Any]:
    with project.catalog.read() as connection:
        return list(connection.execute(effects.select()).mappings())


def test_each_outcome_comes_with_what_a_person_needs(make_project: Callable[..., Project]) -> None:
    project = make_project()
    row = reviewable(project)
    with project.catalog.write("money") as connection:
        lost = {**effect_values(project, 7), "content_id": row.id, "channel": "crafts", "kind": "post"}
        lost |= {"target": "instagram", "world": "sandbox", "state": "unknown", "error": "the connection was lost"}
        lost["handle"] = {"container_id": "c1", "upload_url": "https://upload.example/secret", "status": None}
        connection.execute(insert(effects).values(**lost))
        other = {**effect_values(project, 8), "content_id": None, "channel": None, "kind": "notification"}
        connection.execute(insert(effects).values(**other, target="slack", world="live", state="unknown"))
    unknown = unknown_outcomes(project)
    (outcome,) = unknown.of(row.id)
    assert (outcome.effect_id, outcome.kind, outcome.target, outcome.state) == (7, "post", "instagram", "unknown")
    assert (outcome.evidence, outcome.reserved_usd) == ("the connection was lost", Decimal("0.25"))
    assert "Instagram app" in outcome.where_to_look
    assert outcome.next_step == "dayreel reconcile --effect 7 --found ID (or --not-there)"
    assert outcome.handle == (("container_id", "c1"), ("upload_url", HIDDEN))
    assert (unknown.of(None), unknown.elsewhere, unknown.other_world) == ((), 1, "live")


def test_what_is_left_unfinished_says_why(make_project: Callable[..., Project]) -> None:
    project = make_project()
    row = reviewable(project)
    sent = {"content_id": row.id, "channel": "crafts", "kind": "segment", "target": "fal", "world": "sandbox"}
    with project.catalog.write("money") as connection:
        for number, owner in ((1, DEAD), (2, None)):
            values = {**effect_values(project, number), **sent, "owner": owner, "state": "sent"}
            connection.execute(insert(effects).values(**values, lease_until_at=project.clock.now() + LONG_OVER))
    gone, given_back = unknown_outcomes(project).here
    assert (gone.evidence, given_back.evidence) == (
        "the process that sent it is gone",
        "nobody has continued it",
    )


def test_status_never_hides_an_old_unknown_outcome(
    faces: Faces, make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dayreel.cli.status_command.SHOWN", 1)
    arrange(faces.project, set(), [("crafts-2026-11-19", ("post", "instagram"), STANDINGS[3], "sandbox")], {}, [])
    faces.capsys.readouterr()
    assert run(["status", "--json"]) == 0
    ids = [document["content_id"] for document in json.loads(faces.capsys.readouterr().out)]
    assert ids == ["crafts-2026-11-20", "crafts-2026-11-19"]
    assert run(["status", "--date", "2026-11-20"]) == 0
    assert "1 more unknown outcomes on other days" in faces.capsys.readouterr().out
