"""When it is right to try again, and how long to wait."""

from collections.abc import Callable

import pytest

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError
from dayreel.services.retry_transient import MAX_ATTEMPTS, retry_transient
from tests.fakes.clock import FakeClock


def failing(error: Exception, times: int) -> tuple[Callable[[], str], list[int]]:
    tries: list[int] = []

    def act() -> str:
        tries.append(1)
        if len(tries) <= times:
            raise error
        return "done"

    return act, tries


def test_an_undelivered_call_is_retried_after_1_and_2_seconds() -> None:
    clock = FakeClock()
    act, tries = failing(TransientError(attempted="read", answer="HTTP 503"), 2)
    assert retry_transient(clock, act) == "done"
    assert (len(tries), clock.slept) == (3, [1, 2])


def test_the_last_error_is_raised_as_it_is() -> None:
    error = TransientError(attempted="read", answer="HTTP 503")
    act, tries = failing(error, 9)
    with pytest.raises(TransientError) as raised:
        retry_transient(FakeClock(), act)
    assert raised.value is error
    assert len(tries) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "error",
    [
        PermanentError(attempted="read", answer="HTTP 400"),
        UnknownOutcomeError(attempted="send", answer="lost"),
        TransientError(attempted="read", answer="HTTP 429", retry_after_s=61),
        ValueError("ours"),
    ],
)
def test_nothing_else_is_tried_again(error: Exception) -> None:
    clock = FakeClock()
    act, tries = failing(error, 9)
    with pytest.raises(type(error)):
        retry_transient(clock, act)
    assert (len(tries), clock.slept) == (1, [])


@pytest.mark.parametrize("asked", [0, 7.5, 60])
def test_the_service_says_how_long(asked: float) -> None:
    clock = FakeClock()
    act, _ = failing(TransientError(attempted="read", answer="HTTP 429", retry_after_s=asked), 1)
    retry_transient(clock, act)
    assert clock.slept == [asked]
