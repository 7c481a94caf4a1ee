"""Reviews that nobody answers: what a person decides meanwhile comes first."""

from collections.abc import Callable
from typing import Any

from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.expire_reviews import remind_or_expire
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import content_row, reviewable


def test_what_is_held_while_others_expire_stays(make_project: Callable[..., Project]) -> None:
    """A hold leaves it waiting for its review, so the state alone does not show that somebody has decided."""
    clock = FakeClock()
    project = make_project(channels={"crafts": {}, "glass": {}}, clock=clock)
    over, held = (reviewable(project, name=name).id for name in ("crafts", "glass"))

    class Meanwhile(FakeNotifier):
        def send(self, permit: Permit, message: Message) -> dict[str, Any]:
            decide(project, held, "held", by="ana", via="cli")
            return super().send(permit, message)

    notifier = Meanwhile()
    clock.move(days=30)
    report = remind_or_expire(project, notifiers=[notifier])
    assert (content_row(project, over).state, content_row(project, held).state) == ("expired", "review_pending")
    assert len(notifier.messages) == 1
    assert report[1].startswith(f"{held}: left alone: ")
