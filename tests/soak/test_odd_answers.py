"""Odd answers after acceptance: 0 extra posts, 0 extra bills, and the ledger is never below the bill."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tests.world.listings import FOUND
from tests.world.odd_answers import Scenario, every_lookup, every_scenario, stage

SCENARIOS = 1000
KILLED = 60


def judge(scenarios: Iterable[Scenario], room: Path, figure: Callable[[str], None]) -> None:
    with stage(room) as played:
        verdicts = [played.play(scenario) for scenario in scenarios]
    wrong = [verdict for verdict in verdicts if verdict.wrong]
    posts, bills = (sum(getattr(verdict, name) for verdict in verdicts) for name in ("extra_posts", "extra_bills"))
    looks = sum(verdict.looked_by_a_person for verdict in verdicts)
    figure(f"{len(verdicts)} scenarios: {posts} extra posts, {bills} extra bills, {looks} looks of a person")
    assert not wrong, (Counter(verdict.scenario.route for verdict in wrong), wrong[0])
    assert posts == bills == 0


def test_a_thousand_odd_answers_post_once_and_pay_once(tmp_path: Path, figure: Callable[[str], None]) -> None:
    judge(every_scenario()[:SCENARIOS], tmp_path, figure)


def test_sixty_kills_at_odd_answers_post_once_and_pay_once(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """The process that has got the answer is a real one, and gets SIGKILL."""
    dying = (scenario for scenario in every_scenario() if scenario.then == "restart")
    judge([replace(scenario, is_killed=True) for scenario in islice(dying, KILLED)], tmp_path, figure)


def test_what_only_a_list_shows_is_never_done_twice(tmp_path: Path, figure: Callable[[str], None]) -> None:
    with stage(tmp_path) as played:
        verdicts = [played.play(scenario) for scenario in every_lookup()]
    posts, bills = (sum(getattr(verdict, name) for verdict in verdicts) for name in ("extra_posts", "extra_bills"))
    by_itself = sum(not verdict.looked_by_a_person for verdict in verdicts)
    figure(f"{len(verdicts)} look-ups: {posts} extra posts, {bills} extra bills, {by_itself} without a person")
    for verdict in verdicts:
        assert not verdict.wrong, verdict
        assert (verdict.looked_by_a_person == 0) == (verdict.scenario.listing in FOUND), verdict
    assert posts == bills == 0
