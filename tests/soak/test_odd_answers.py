"""Odd answers after acceptance: 0 extra posts, 0 extra bills, and the ledger is never below the bill."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis.strategies import SearchStrategy

from tests.world.listings import FOUND
from tests.world.odd_answers import (
    ANSWERS,
    ROUTES,
    Scenario,
    Verdict,
    every_lookup,
    holds,
    of_examples,
    scenarios,
    stage,
)

SCENARIOS = 1000
KILLED = 60
Figure = Callable[[str], None]


def play(chosen: SearchStrategy[Scenario], number: int, room: Path, figure: Figure) -> list[Scenario]:
    """Play so many scenarios and return them; the first that is wrong is made as simple as it can be."""
    verdicts: list[Verdict] = []
    with stage(room) as played:

        @given(chosen)
        @of_examples(number)
        def hold_one(scenario: Scenario) -> None:
            verdicts.append(played.play(scenario))
            holds(verdicts[-1])

        hold_one()
    looks = sum(verdict.looked_by_a_person for verdict in verdicts)
    figure(f"{summary(verdicts)}, {looks} looks of a person")
    assert len(verdicts) == number
    return [verdict.scenario for verdict in verdicts]


def summary(verdicts: list[Verdict]) -> str:
    posts, bills = (sum(getattr(verdict, name) for verdict in verdicts) for name in ("extra_posts", "extra_bills"))
    return f"{len(verdicts):,} scenarios: {posts} extra posts, {bills} extra bills"


def test_a_thousand_odd_answers_post_once_and_pay_once(tmp_path: Path, figure: Figure) -> None:
    chosen = play(scenarios(), SCENARIOS, tmp_path, figure)
    answered = {(scenario.route, scenario.answer) for scenario in chosen}
    followed = {(scenario.route, scenario.reads, scenario.then) for scenario in chosen}
    figure(f"{len(answered)} of {len(ROUTES) * len(ANSWERS)} answers by route")
    assert len(answered) > 0.95 * len(ROUTES) * 20
    assert len(followed) > 0.95 * len(ROUTES) * 3 * 4


def test_sixty_kills_at_odd_answers_post_once_and_pay_once(tmp_path: Path, figure: Figure) -> None:
    """The process that has got the answer is a real one, and gets SIGKILL."""
    play(scenarios(then="restart", is_killed=True), KILLED, tmp_path, figure)


def test_what_only_a_list_shows_is_never_done_twice(tmp_path: Path, figure: Figure) -> None:
    """Each of four routes with each of six lists and each of three repairs."""
    with stage(tmp_path) as played:
        verdicts = [played.play(scenario) for scenario in every_lookup()]
    by_itself = sum(not verdict.looked_by_a_person for verdict in verdicts)
    figure(f"{summary(verdicts)}, {by_itself} without a person")
    for verdict in verdicts:
        holds(verdict)
        assert (verdict.looked_by_a_person == 0) == (verdict.scenario.listing in FOUND), verdict
