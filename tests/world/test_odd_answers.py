"""Whatever an acting request is answered with after the vendor has acted: nothing is posted or bought a second time.

How it is done is `tests.world.odd_answers`; here are the cases that once went wrong, one of each acting route, and some
that Hypothesis chooses. A thousand are in `tests/soak/test_odd_answers.py`.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.world.listings import FOUND, LISTINGS
from tests.world.odd_answers import (
    A_WHOLE_HOUR,
    OWN_ERRORS,
    ROUTES,
    Scenario,
    Stage,
    every_lookup,
    holds,
    of_examples,
    scenarios,
    stage,
)

CHOSEN = 6


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A world and prepared projects for all scenarios."""
    with stage(tmp_path_factory.mktemp("odd")) as made:
        yield made


@pytest.mark.parametrize("answer", ["503 page", "408 page", "425 empty", "429 page"])
def test_a_purchase_that_a_proxy_answers_is_paid_once(played: Stage, answer: str) -> None:
    """It was four segments for two: each of these statuses counted as "not taken on"."""
    holds(played.play(Scenario("fal/submit", answer, 0, "retry")))


@pytest.mark.parametrize(
    ("route", "number"),
    [("instagram/publish", 0), ("instagram/publish", 1), ("youtube/upload", 0)],
    ids=["2207051", "190", "forbidden"],
)
def test_a_listed_error_after_publishing_is_no_refusal(played: Stage, route: str, number: int) -> None:
    """Refused without a look, because one read failed; the retry that was advised posted again."""
    assert "error" in OWN_ERRORS[route][number]["body"]
    holds(played.play(Scenario(route, "its own error", 1, "retry", number)))


@pytest.mark.parametrize("answer", ["302 elsewhere", "503 until"])
def test_a_message_that_a_proxy_answers_is_sent_once(played: Stage, answer: str) -> None:
    """Two for one: Slack's SDK followed the redirect, and what it was answered there counted as a refusal."""
    holds(played.play(Scenario("slack/post", answer, 0, "retry")))


def test_a_process_killed_at_an_odd_answer_acts_once(played: Stage) -> None:
    holds(played.play(Scenario("tiktok/upload", "204 empty", A_WHOLE_HOUR, "restart", is_killed=True)))


@pytest.mark.parametrize("route", ROUTES)
def test_each_acting_route_acts_once(played: Stage, route: str) -> None:
    holds(played.play(Scenario(route, "503 page", 1, "retry")))


@given(scenario=scenarios())
@of_examples(CHOSEN)
def test_chosen_odd_answers_act_once(played: Stage, scenario: Scenario) -> None:
    holds(played.play(scenario))


@pytest.mark.parametrize(("number", "listing"), list(enumerate(LISTINGS)))
def test_what_only_a_list_shows_is_found_or_left_to_a_person(played: Stage, number: int, listing: str) -> None:
    """Its own handle leads nowhere: exactly one in the vendor's list is it, none or two are a person's."""
    of_this = [scenario for scenario in every_lookup() if scenario.listing == listing]
    verdict = played.play(of_this[5 * number % len(of_this)])
    holds(verdict)
    assert (verdict.looked_by_a_person == 0) == (listing in FOUND), verdict
