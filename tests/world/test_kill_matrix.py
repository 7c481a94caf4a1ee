"""Whatever dies and whatever the services answer: one post on each platform, each segment bought once, nothing stuck.

How it is done is `tests.world.kill_matrix`. Here are its ten seeds written by hand; many drawn ones, PostgreSQL, and
the command line killed at random times are in `tests/soak/test_kill_matrix.py`.
"""

from collections.abc import Iterable

import pytest

from tests.world.kill_matrix.faults import EVERY_ROW, ROUNDS
from tests.world.kill_matrix.plan import BLIND_RETRY, BY_HAND, SHORT, SWAPPED, plan_of
from tests.world.kill_matrix.play import play
from tests.world.kill_matrix.report import Report, Result

SWAPS = range(SWAPPED, SWAPPED + 3)
EVERY_KIND = {row.kind for row in EVERY_ROW}
BOUNDARIES = (
    "before commit", "after commit", "before rename", "after rename", "before POST", "after POST", "after GET",
    "after PUT", "a block of an upload",
)  # fmt: skip


def died_at(name: str, graves: Iterable[str]) -> bool:
    return any(grave.startswith(name) for grave in graves)


@pytest.fixture(scope="module")
def results() -> dict[int, Result]:
    """What became of each seed written by hand: one worker plays them all."""
    return {result.seed: result for result in play([*BY_HAND, *SWAPS]).results}


def test_ten_seeds_of_kills_and_faults_post_once_and_pay_once(results: dict[int, Result]) -> None:
    report = Report([results[seed] for seed in SHORT], len(SHORT), checkpoints=0, seconds=0, catalog="sqlite")

    assert report.holds, "\n".join(report.lines())
    assert len(SHORT) == 10
    assert report.total("posts") == 3 * len(SHORT)
    assert report.total("generations") == 2 * len(SHORT)
    assert [name for name in BOUNDARIES if not died_at(name, report.graves)] == []
    for seed in SHORT:
        for kill in BY_HAND[seed].kills:
            assert kill.name is None or died_at(kill.name, results[seed].graves), (kill, results[seed])
    assert {fault.rpartition("/")[2] for fault in report.fired} == EVERY_KIND


def test_an_older_or_lost_catalog_posts_once_and_pays_once(results: dict[int, Result]) -> None:
    """At any point of the run, and once more when everything is posted; nobody but the sweeper looks."""
    report = Report([results[seed] for seed in SWAPS], len(SWAPS), checkpoints=0, seconds=0, catalog="sqlite")

    assert report.holds, "\n".join(report.lines())
    assert {kind for seed in SWAPS for kind in plan_of(seed, checkpoints=450).swaps} == {"aside", "older", "lost"}
    assert report.total("swaps") > len(SWAPS)
    assert report.total("posts") == 3 * len(SWAPS)
    assert report.total("generations") == 2 * len(SWAPS)


def test_the_matrix_notices_a_ledger_that_retries_blindly(results: dict[int, Result]) -> None:
    noticed = results[BLIND_RETRY]

    assert noticed.fired == ["fal/submit/lose_answer"]
    assert noticed.extra_generations > 0
    assert noticed.wrong


def test_a_thousand_seeds_cover_every_checkpoint_and_fault() -> None:
    plans = [plan_of(seed, checkpoints=350) for seed in range(1000)]

    first = {plan.kills[0].checkpoint for plan in plans if plan.kills}
    assert first >= set(range(1, 351))
    assert {row for plan in plans for row in plan.faults} == EVERY_ROW


def test_each_round_of_seeds_arms_every_fault() -> None:
    assert {row for seed in range(2 * ROUNDS) for row in plan_of(seed, checkpoints=350).faults} == EVERY_ROW


def test_a_seed_always_means_the_same() -> None:
    assert [plan_of(seed, checkpoints=350) for seed in range(50)] == [
        plan_of(seed, checkpoints=350) for seed in range(50)
    ]
