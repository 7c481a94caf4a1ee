"""The kill matrix over many drawn seeds, on PostgreSQL, and through the command line killed at random times."""

import ctypes
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dayreel.services.effects.ledger import effect_of
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.catalog.tables import effects
from tests.days import ZONE, today
from tests.fakes.catalogs import PostgresServer
from tests.fakes.sandbox import RunningSandbox
from tests.world.kill_matrix.child import CHANNEL, unclaimed
from tests.world.kill_matrix.faults import EVERY_ROW
from tests.world.kill_matrix.plan import SWAPPED
from tests.world.kill_matrix.play import play
from tests.world.kill_matrix.report import Report
from tests.world.kill_matrix.worker import PROJECT, make_deployment

SEEDS = 300
SEEDS_ON_POSTGRESQL = 20
SEEDS_ON_TWO_HOSTS = 6
SWAPPED_SEEDS = 100
KILLED_RUNS = 6
KILLED_PUBLISHES = 4
Figure = Callable[[str], None]


def summary_of(report: Report) -> str:
    sums = f"{report.total('kills')} kills, {len(report.fired)} of {len(EVERY_ROW)} faults fired"
    posts = f"{report.total('posts')} posts, {report.total('extra_posts')} extra"
    segments = f"{report.total('generations')} segments, {report.total('extra_generations')} extra"
    return f"{len(report.results)} seeds on {report.catalog}: {sums}, {posts}, {segments}"


def holds(report: Report) -> None:
    assert report.holds, "\n".join(report.lines())
    assert report.total("posts") == 3 * report.seeds
    assert report.total("generations") == 2 * report.seeds
    assert report.total("extra_posts") == report.total("extra_generations") == 0
    assert report.total("kills") > report.seeds / 2


def test_many_seeds_of_kills_and_faults_post_once_and_pay_once(figure: Figure) -> None:
    report = play(range(SEEDS), workers=os.cpu_count() or 1)
    figure(summary_of(report))
    holds(report)
    assert len(report.fired) > 0.95 * len(EVERY_ROW)


def test_an_older_or_lost_catalog_posts_once_and_pays_once(figure: Figure) -> None:
    """Two kills, and the catalog of the first put back, or none, at any point; nobody but the sweeper looks."""
    report = play(range(SWAPPED, SWAPPED + SWAPPED_SEEDS), workers=os.cpu_count() or 1)
    figure(f"{report.total('swaps')} older or lost catalogs; {summary_of(report)}")
    holds(report)
    assert report.total("swaps") >= SWAPPED_SEEDS
    assert report.total("parked") <= SWAPPED_SEEDS / 10, "a kill between a purchase and its id takes a person"


@pytest.mark.postgres
def test_a_catalog_on_postgresql_posts_once_and_pays_once(postgres_server: PostgresServer, figure: Figure) -> None:
    report = play(range(SEEDS, SEEDS + SEEDS_ON_POSTGRESQL), workers=2, postgres=postgres_server.new_schema())
    figure(summary_of(report))
    holds(report)


@pytest.mark.postgres
def test_a_host_that_is_lost_is_replaced_within_a_minute(postgres_server: PostgresServer, figure: Figure) -> None:
    """Each process is in a PID namespace of its own under one host name: only its beats say whether it lives."""
    if os.geteuid() or not hasattr(ctypes.CDLL(None), "unshare"):
        pytest.skip("only root makes PID namespaces, on Linux")
    report = play(range(SEEDS_ON_TWO_HOSTS), workers=2, postgres=postgres_server.new_schema(), has_hosts=True)
    waits = [result.waited_s for result in report.results if result.waited_s]
    assert waits, report.lines()
    figure(f"{summary_of(report)}; {len(waits)} waited for what a lost host held, {max(waits):.0f} s at most")
    holds(report)
    assert max(waits) < 60


# -- through the real command line and Dagster -------------------------------------------------------------------------


class CommandLine:
    """`dayreel` on one project, in processes that can be killed."""

    def __init__(self, project: Path, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self._project = project
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYREEL_")}
        self._environment = {
            **kept,
            "DAYREEL_SANDBOX_URL": sandbox.url,
            "DAYREEL_REVIEWER": "a person",
            "DAYREEL_TIMEZONE": ZONE,
            "DAYREEL_FIRST_DAY": "2026-11-01",
            "DAGSTER_HOME": str(project / "dagster_home"),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "dayreel", *arguments],
            cwd=self._project,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        output, complained = process.communicate(timeout=600)
        return process.returncode, output, complained

    def timed(self, *arguments: str) -> float:
        """Run a command that succeeds and return its seconds."""
        started = time.monotonic()
        code, _, complained = self.run(*arguments)
        assert code == 0, complained
        return time.monotonic() - started

    def killed(self, *arguments: str, after_s: float) -> bool:
        """Run a command and kill it; False when it was done before."""
        process = self.start(*arguments)
        try:
            process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
        return False

    def until_done(self, *arguments: str, rounds: int = 5) -> None:
        """Run a command until it succeeds, looking up what is not known in between, as a person would."""
        lines: list[str] = []
        for _ in range(rounds):
            code, _, complained = self.run(*arguments)
            if code == 0:
                return
            lines.append(complained)
            self.look_up()
        raise AssertionError("\n".join(lines))

    def look_up(self) -> None:
        """Do what `dayreel reconcile` asks for."""
        code, output, complained = self.run("reconcile", "--json")
        assert code == 0, complained
        for reconciled in json.loads(output):
            if reconciled["outcome"] != "parked":
                continue
            reference = self._on_the_dashboard(reconciled)
            answer = ["--found", reference] if reference else ["--not-there"]
            code, _, complained = self.run("reconcile", "--effect", str(reconciled["effect_id"]), *answer)
            assert code == 0, complained

    def _on_the_dashboard(self, reconciled: dict[str, Any]) -> str | None:
        assert reconciled["kind"] in ("segment", "notification"), reconciled
        with open_catalog(f"sqlite:///{self._project / 'var' / 'catalog.db'}") as catalog, catalog.read() as connection:
            rows = [effect_of(row) for row in connection.execute(effects.select()).mappings()]
        wanted = next(row for row in rows if row.id == reconciled["effect_id"])
        if reconciled["kind"] == "notification":
            sent = self.sandbox.effects()["messages"]
            return next((str(each["ts"]) for each in sent if wanted.request["marker"] in json.dumps(each)), None)
        return unclaimed(wanted, [row.handle for row in rows], self.sandbox.effects()["generations"])


def make_dagster_project(root: Path) -> Path:
    """Make a project whose Dagster has no storage yet."""
    make_deployment(root)
    shutil.copytree(PROJECT / "dagster_home", root / "dagster_home", ignore=shutil.ignore_patterns("storage", "*.db"))
    return root


def test_the_cli_killed_at_random_posts_once_and_pays_once(tmp_path: Path, figure: Figure) -> None:
    """How long a command takes here is seen on a project of its own first."""
    dice = random.Random("the command line")
    content_id = f"{CHANNEL}-{today()}"
    with RunningSandbox(tmp_path / "world") as sandbox:
        rehearsal = CommandLine(make_dagster_project(tmp_path / "rehearsal"), sandbox)
        run_s = rehearsal.timed("run")
        rehearsal.timed("review", "approve", content_id)
        publish_s = rehearsal.timed("publish", content_id)
        sandbox.reset()

        line = CommandLine(make_dagster_project(tmp_path / "project"), sandbox)
        kills = sum(line.killed("run", after_s=run_s * dice.uniform(0.2, 0.7)) for _ in range(KILLED_RUNS))
        line.until_done("run")
        line.timed("review", "approve", content_id)
        times = [publish_s * dice.uniform(0.2, 0.7) for _ in range(KILLED_PUBLISHES)]
        kills += sum(line.killed("publish", content_id, after_s=after_s) for after_s in times)
        line.until_done("publish", content_id)

        seen = sandbox.effects()
        segments = sum(made["kind"] == "segment" for made in seen["generations"])
        figure(f"{kills} kills, {len(seen['posts'])} posts, {segments} segments")
        line.run("reconcile")  # an answer of a language model that was lost is written off then
        (status,) = json.loads(line.run("status", "--json")[1])
    assert kills > 0
    assert sorted(post["platform"] for post in seen["posts"]) == ["instagram", "tiktok", "youtube"]
    assert segments == 2
    assert status["state"] == "posted"
    assert status["unknown"] == []
    assert Decimal(status["cost_by_layer_usd"]["video"]) == Decimal("0.40")
