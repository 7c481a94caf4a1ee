"""Whatever dies and whatever the services answer: one post on each platform, each segment bought once, nothing stuck.

How it is done is `tests.world.kill_matrix`. `make kill-matrix N=1000` is the long run.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.sandbox import RunningSandbox
from tests.world.kill_matrix.faults import EVERY_ROW
from tests.world.kill_matrix.plan import plan_of

if TYPE_CHECKING:
    from tests.fakes.catalogs import PostgresServer

PROJECT = Path(__file__).parents[2]


def play(*arguments: str, file: Path, timeout_s: float = 400) -> tuple[int, dict[str, Any], str]:
    """Run the matrix in processes of its own; return its exit code, its document, and what it printed."""
    command = [sys.executable, "-m", "tests.world.kill_matrix", *arguments, "--json", str(file)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert file.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(file.read_text(encoding="utf-8")), done.stdout + done.stderr


def holds(code: int, told: dict[str, Any], said: str, *, seeds: int) -> None:
    assert told["wrong"] == [], said
    assert code == 0, said
    assert told["seeds"] == seeds
    assert told["kills"] > 0
    assert told["posts"] == 3 * seeds
    assert told["generations"] == 2 * seeds
    assert told["extra_posts"] == told["extra_generations"] == 0


def test_two_seeds_of_kills_and_faults_post_once_and_pay_once(tmp_path: Path) -> None:
    holds(*play("--seeds", "2", file=tmp_path / "told.json"), seeds=2)


@pytest.mark.slow
def test_sixty_seeds_of_kills_and_faults_post_once_and_pay_once(tmp_path: Path) -> None:
    code, told, said = play("--seeds", "60", file=tmp_path / "told.json")
    holds(code, told, said, seeds=60)
    assert told["kills"] >= 40
    assert len(told["faults_fired"]) >= 140, told["faults_never_fired"]


@pytest.mark.slow
@pytest.mark.postgres
def test_a_catalog_on_postgresql_posts_once_and_pays_once(postgres_server: "PostgresServer", tmp_path: Path) -> None:
    url = postgres_server.new_schema()
    holds(*play("--seeds", "6", "--from", "60", "--postgres", url, file=tmp_path / "told.json"), seeds=6)


@pytest.mark.slow
def test_the_matrix_notices_a_ledger_that_retries_blindly(tmp_path: Path) -> None:
    # Seed 29 loses the answer to a submit.
    code, told, _ = play("--from", "28", "--seeds", "2", "--planted", "blind-retry", file=tmp_path / "told.json")

    assert "fal/submit/lose_answer" in told["faults_fired"]
    assert code == 1
    assert told["extra_generations"] > 0
    assert told["wrong"]


def test_a_thousand_seeds_cover_every_checkpoint_and_fault() -> None:
    plans = [plan_of(seed, checkpoints=350) for seed in range(1000)]

    first = {plan.kills[0].checkpoint for plan in plans if plan.kills}
    assert first >= set(range(1, 351))
    assert {row for plan in plans for row in plan.faults} == EVERY_ROW


def test_sixty_seeds_arm_every_fault_of_every_service() -> None:
    assert {row for seed in range(60) for row in plan_of(seed, checkpoints=350).faults} == EVERY_ROW


def test_a_seed_always_means_the_same() -> None:
    assert [plan_of(seed, checkpoints=350) for seed in range(50)] == [
        plan_of(seed, checkpoints=350) for seed in range(50)
    ]


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
            "DAYREEL_FIRST_DAY": "2026-11-01",
            "DAGSTER_HOME": str(project / "dagster_home"),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", "from dayreel.cli import main; main()", *arguments]
        return subprocess.Popen(
            command,
            cwd=self._project,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        said, complained = process.communicate(timeout=120)
        return process.returncode, said, complained

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
        said: list[str] = []
        for _ in range(rounds):
            code, _, complained = self.run(*arguments)
            if code == 0:
                return
            said.append(complained)
            self.look_up()
        raise AssertionError("\n".join(said))

    def look_up(self) -> None:
        """Do what `dayreel reconcile` asks for."""
        code, told, complained = self.run("reconcile", "--json")
        assert code == 0, complained
        for one in json.loads(told):
            if one["outcome"] != "parked":
                continue
            found = self._on_the_dashboard(one)
            answer = ["--found", found] if found else ["--not-there"]
            code, _, complained = self.run("reconcile", "--effect", str(one["effect_id"]), *answer)
            assert code == 0, complained

    def _on_the_dashboard(self, one: dict[str, Any]) -> str | None:
        assert one["kind"] == "segment", one
        from dayreel.services.effects.ledger import effect_of
        from dayreel.stores.catalog.engine import open_catalog
        from dayreel.stores.catalog.tables import effects
        from tests.world.kill_matrix.child import unclaimed

        with open_catalog(f"sqlite:///{self._project / 'var' / 'catalog.db'}") as catalog, catalog.read() as connection:
            rows = [effect_of(row) for row in connection.execute(effects.select()).mappings()]
        wanted = next(row for row in rows if row.id == one["effect_id"])
        return unclaimed(wanted, [row.handle for row in rows], self.sandbox.effects()["generations"])


@pytest.mark.slow
def test_the_cli_killed_at_random_posts_once_and_pays_once(tmp_path: Path) -> None:
    from tests.world.kill_matrix.worker import make_project

    dice = random.Random("the command line")
    project = make_project(tmp_path / "project")
    shutil.copytree(
        PROJECT / "dagster_home", project / "dagster_home", ignore=shutil.ignore_patterns("storage", "*.db")
    )
    with RunningSandbox(tmp_path / "world") as sandbox:
        line = CommandLine(project, sandbox)
        kills = sum(line.killed("run", after_s=dice.uniform(2.5, 8)) for _ in range(3))
        line.until_done("run")
        content_id = f"asmr_crafts-{datetime.now(UTC).date()}"
        code, _, complained = line.run("review", "approve", content_id)
        assert code == 0, complained
        kills += sum(line.killed("publish", content_id, after_s=dice.uniform(2.5, 6)) for _ in range(2))
        line.until_done("publish", content_id)

        seen = sandbox.effects()
        assert kills > 0
        assert sorted(post["platform"] for post in seen["posts"]) == ["instagram", "tiktok", "youtube"]
        assert _counted(seen["generations"], "segment") == 2
        line.run("reconcile")  # an answer of a language model that was lost is written off then
        told = json.loads(line.run("status", "--json")[1])
    assert told[0]["state"] == "posted"
    assert told[0]["unknown"] == []
    assert Decimal(told[0]["cost_by_layer_usd"]["video"]) == Decimal("0.40")


def _counted(generations: Sequence[dict[str, Any]], kind: str) -> int:
    return sum(made["kind"] == kind for made in generations)
