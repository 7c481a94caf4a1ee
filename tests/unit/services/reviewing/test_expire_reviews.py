"""Reviews that nobody answers: what a person decides meanwhile comes first."""

from collections.abc import Callable
from typing import Any

from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.expire_reviews import mind_reviews
from dayreel.services.studio import Studio
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.studio import content_row, reviewable


def test_what_is_held_while_others_expire_stays(make_studio: Callable[..., Studio]) -> None:
    """A hold leaves it waiting for its review, so the state alone does not tell that somebody has decided."""
    clock = FakeClock()
    studio = make_studio(channels={"crafts": {}, "glass": {}}, clock=clock)
    over, held = (reviewable(studio, name=name).id for name in ("crafts", "glass"))

    class Meanwhile(FakeNotifier):
        def send(self, permit: Permit, message: Message) -> dict[str, Any]:
            decide(studio, held, "held", by="ana", via="cli")
            return super().send(permit, message)

    notifier = Meanwhile()
    clock.move(days=30)
    told = mind_reviews(studio, notifier=notifier)
    assert (content_row(studio, over).state, content_row(studio, held).state) == ("expired", "review_pending")
    assert len(notifier.messages) == 1
    assert told[1].startswith(f"{held}: left alone: ")
