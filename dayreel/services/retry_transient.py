"""Trying again, in the one case where that is right: nothing happened there (`TransientError`).

Three attempts, 1 s and 2 s apart as seed 001 asks, or as long as the service asks, up to a minute; what needs longer is
given back to whoever runs us.
"""

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from dayreel.clock import Clock
from dayreel.errors import TransientError

MAX_ATTEMPTS = 3
LONGEST_WAIT_S = 60.0

T = TypeVar("T")


def retry_transient(clock: Clock, act: Callable[[], T]) -> T:
    """Return what `act` returns, trying again after a `TransientError`.

    Raises:
        TransientError: the last attempt's, or one whose `retry_after_s` is longer than a minute.
        Exception: whatever else `act` raises, at once.
    """
    retrying = Retrying(
        retry=retry_if_exception(_is_worth_waiting_for),
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=_wait,
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(act)


def _is_worth_waiting_for(error: BaseException) -> bool:
    # Nothing else is tried again: after a lost answer (`UnknownOutcomeError`) a second try may pay or post twice.
    return isinstance(error, TransientError) and (error.retry_after_s or 0) <= LONGEST_WAIT_S


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after_s if isinstance(error, TransientError) else None
    return asked if asked is not None else float(2 ** (state.attempt_number - 1))
