"""Looking again and again until a deadline."""

from dayreel.clock import poll
from tests.fakes.clock import FakeClock


def test_polling_ends_at_the_deadline() -> None:
    clock, asked = FakeClock(), list[int]()
    assert poll(lambda: asked.append(1), clock=clock, interval_s=60, deadline_s=300) is None
    assert len(asked) == 6
    assert clock.monotonic() == 300


def test_the_first_answer_ends_the_polling() -> None:
    clock, answers = FakeClock(), [None, None, "here", "too late"]
    assert poll(lambda: answers.pop(0), clock=clock, interval_s=1, deadline_s=300) == "here"
    assert clock.slept == [1, 1]
