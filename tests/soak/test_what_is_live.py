"""A thousand random histories of one content: what is live is what was approved, and only once."""

from collections.abc import Callable

from hypothesis.stateful import run_state_machine_as_test

from tests.unit.services.live_model import WhatIsLive, of_examples

HISTORIES = 1_000


def test_what_is_live_was_approved_and_is_live_once(figure: Callable[[str], None]) -> None:
    run_state_machine_as_test(WhatIsLive, settings=of_examples(HISTORIES))
    figure(f"{HISTORIES:,} histories of 8 events, 0 in which something else or something twice went live")
