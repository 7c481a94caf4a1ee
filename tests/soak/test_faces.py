"""Four hundred drawn sets of effects, posts and decisions, and every face asked after each for what is unknown."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.queries import test_unknown_outcomes as suite

EXAMPLES = 400
faces, at_work = suite.faces, suite.at_work


def test_four_hundred_times_every_face_names_the_same(
    faces: suite.Faces, at_work: set[str], figure: Callable[[str], None]
) -> None:
    unknown: list[int] = []

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(acts=st.lists(suite.ACTS, max_size=7), posts=suite.POSTS, verdicts=suite.DECISIONS)
    def agree(acts: Any, posts: Any, verdicts: Any) -> None:
        unknown.append(suite.see_that_all_agree(faces, at_work, acts, posts, verdicts))

    agree()
    figure(f"{len(unknown):,} sets with {sum(unknown):,} unknown outcomes, which eight faces named alike")
    assert max(unknown) > 3
