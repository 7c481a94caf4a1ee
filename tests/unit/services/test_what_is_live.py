"""Any order of editing, rendering, deciding, publishing and dying: what is live is what was approved, and only once."""

from typing import Any

import pytest

from tests.unit.services.live_model import STEPS, WhatIsLive, of_examples

SLOW = pytest.mark.slow

TestWhatIsLive = WhatIsLive.TestCase
TestWhatIsLive.settings = of_examples(8)  # with every pair of steps below; `make soak` runs through a thousand
TestWhatIsLive = SLOW(TestWhatIsLive)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "between",
    ["nothing", *(pytest.param(act, marks=SLOW) for act in ("edit", "render", "fields", "hashtags", "reject", "look"))],
)
def test_one_approved_post_is_live_whatever_comes_between_tries(step: str, between: str) -> None:
    """The short version of the above for the quick suite: every way a first try ends, then one event, then a second."""
    machine = WhatIsLive()
    try:
        machine.approve()
        machine.publish(step)
        machine.what_is_live_was_approved_when_it_went_live()
        events: dict[str, Any] = {
            "nothing": lambda: None,
            "edit": lambda: machine.edit("Other words"),
            "render": lambda: machine.render_again(1),
            "fields": lambda: machine.change_the_channels_fields(False),
            "hashtags": lambda: machine.change_the_ideas_hashtags("#rain"),
            "reject": machine.reject,
            "look": machine.look_up,
        }
        events[between]()
        for is_approved_again in (False, True):
            if is_approved_again:
                machine.approve()
            machine.publish("post")
            machine.there_is_never_more_than_one_post()
            machine.what_is_live_was_approved_when_it_went_live()
    finally:
        machine.teardown()
