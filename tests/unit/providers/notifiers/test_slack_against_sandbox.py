"""Slack in the sandbox world: one message per send, and a lost one is found."""

from collections.abc import Iterator

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError
from dayreel.providers.notifiers.contract import Message, Notifier
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox

PERMIT = make_permit("notification", "slack")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def slack(world: RunningSandbox) -> Iterator[Notifier]:
    world.reset()
    access = Access("sandbox", world.credentials.get, world.url, SystemClock(), world.root)
    yield vendor_named("slack").connect(access)
    world.clear_faults()


def test_a_dead_token_names_the_variable(slack: Notifier, world: RunningSandbox) -> None:
    world.arm("slack", "post", "expired_token")
    with pytest.raises(PermanentError, match="SLACK_BOT_TOKEN"):
        slack.send(PERMIT, Message("Ready for review", marker="m-1"))
    assert world.effects()["messages"] == []
