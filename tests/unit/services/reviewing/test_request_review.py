"""Asking for a review: once per revision, with a deadline, and a message that never holds the video back."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dayreel.errors import PermanentError
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.request_review import notify_reviewers, request_review
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import channel_of, content_row, reviewable, transitions

ID = "crafts-2026-11-20"


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    opened = make_project(channels={"crafts": {"review": {"timeout_h": 6}}})
    reviewable(opened)
    return opened


def test_asking_again_keeps_the_channels_review_deadline(project: Project) -> None:
    row = content_row(project, ID)
    assert row.review_deadline_at == project.clock.now() + timedelta(hours=6)
    before = transitions(project, ID)
    project.clock.sleep(60)
    assert request_review(project, channel_of(project), ID) == row
    assert transitions(project, ID) == before


def test_a_decision_stands_until_a_new_video_needs_review(project: Project) -> None:
    decide(project, ID, "approved", by="ana", via="cli")
    assert request_review(project, channel_of(project), ID).state == "approved"
    assert reviewable(project, video=b"again").state == "review_pending"


def test_people_are_notified_once_per_revision(project: Project) -> None:
    notifier = FakeNotifier()
    for _ in range(2):
        assert (
            notify_reviewers(project, channel_of(project), content_row(project, ID), notifiers=[notifier])
            == "log was notified"
        )
    (message,) = notifier.messages
    assert message.marker == f"{ID}/r1"
    assert "waits for review until 2026-11-20T15:00+00:00" in message.text
    assert f"dayreel review approve {ID}" in message.text
    row = reviewable(project, video=b"again")
    notify_reviewers(project, channel_of(project), row, notifiers=[notifier])
    assert [sent.marker for sent in notifier.messages] == [f"{ID}/r1", f"{ID}/r2"]


def test_a_failed_notification_is_reported_and_blocks_nothing(project: Project) -> None:
    notifier = FakeNotifier([PermanentError(attempted="post", answer="channel_not_found")])
    notified = notify_reviewers(project, channel_of(project), content_row(project, ID), notifiers=[notifier])
    assert notified.startswith("log was not notified: ")
    assert "channel_not_found" in notified
    assert content_row(project, ID).state == "review_pending"
