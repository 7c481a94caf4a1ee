"""What people hear of own footage: each thing once, together, without the shared folder or a key at hand."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError, TransientError
from dayreel.footage.library.gates import answer
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.jobs import cancel_job, retry_job
from dayreel.footage.library.news import library_news, notify_news
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import run_pass
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.upkeep.chores import do_chore, due_chores
from tests.fakes.library import make_library, pretend_to_work
from tests.fakes.notifier import FakeNotifier

FALLS = movie_name("Hidden Falls", 2019)
BLUE = movie_name("Blue Coast", 2020)


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    """A library in a project that has made no content: a data team that does footage alone hears of it too."""
    return make_library(make_project())


def due(library: Library) -> list[str]:
    return [
        chore.name
        for chore in due_chores(library.project, targets=everything_to("log"))
        if chore.name.startswith("library")
    ]


def asked(library: Library, clip: Path) -> None:
    """Bring an item to its first question."""
    ingest(library, FALLS, [clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)


def test_a_question_is_notified_once_even_after_a_rebuild(library: Library, tiny_clip: Path) -> None:
    notifier = FakeNotifier()
    assert notify_news(library.project, notifier=notifier) == []
    asked(library, tiny_clip)
    assert due(library) == ["library_news"]
    do_chore(library.project, "library_news", notifiers=everything_to(notifier))
    (message,) = notifier.messages
    assert message.text == (
        "Own footage needs somebody:\n"
        "- Hidden Falls: are these the right streams? `dayreel library gates` shows question 1.\n"
        "http://127.0.0.1:8700/library"
    )
    assert message.marker.startswith("own footage/news/")
    rebuild(library)
    run_pass(library)
    assert due(library) == []
    assert notify_news(library.project, notifier=notifier) == []
    assert notify_news(library.project, notifier=FakeNotifier(name="ntfy")) != [], "another notifier has sent nothing"


def test_failures_are_notified_together_but_not_a_persons_acts(library: Library, tiny_clip: Path) -> None:
    notifier = FakeNotifier()
    page = library.project.settings.root / "page.mov"
    page.write_text("<html>404</html>")
    with pytest.raises(MediaError):
        ingest(library, BLUE, [page])
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    job = pretend_to_work(library, "remux", error="the disc is scratched")
    assert job is not None
    run_pass(library)
    (notified,) = notify_news(library.project, notifier=notifier)
    (message,) = notifier.messages
    assert notified.startswith("own footage: log was notified: ")
    assert "Blue Coast: " in message.text
    assert f"`dayreel library show {BLUE.item_id}`" in message.text
    assert "Hidden Falls: its remux job failed for good: the disc is scratched" in message.text
    assert f"`dayreel jobs retry {job}`" in message.text

    retry_job(library, job)
    assert notify_news(library.project, notifier=notifier) == []
    cancel_job(library, job)
    run_pass(library)
    assert notify_news(library.project, notifier=notifier) == [], "somebody cancelled it, and knows"
    retry_job(library, job)
    pretend_to_work(library, "remux", error="it is scratched")
    run_pass(library)
    assert len(notify_news(library.project, notifier=notifier)) == 1, "another attempt has failed"
    assert len(notifier.messages) == 2


def test_a_failed_message_is_retried_unless_answered_meanwhile(library: Library, tiny_clip: Path) -> None:
    notifier = FakeNotifier([TransientError(attempted="post", answer="503")] * 3)
    asked(library, tiny_clip)
    (notified,) = notify_news(library.project, notifier=notifier)
    assert "was not notified" in notified
    assert due(library) == ["library_news"]
    answer(library, 1, "approved", by="ana", via="cli")
    assert library_news(library.project, target="log") == []
    assert notifier.messages == []


def test_many_things_are_one_message_that_names_a_few(library: Library, tmp_path: Path) -> None:
    page = tmp_path / "page.mov"
    page.write_text("<html>404</html>")
    for number in range(10):
        with pytest.raises(MediaError):
            ingest(library, movie_name(f"Film {number}", 2000 + number), [page])
    notifier = FakeNotifier()
    notify_news(library.project, notifier=notifier)
    (message,) = notifier.messages
    assert message.text.count("\n") == 10
    assert message.text.splitlines()[-2] == "- and 2 more: `dayreel library list`"
    assert library_news(library.project, target="log") == []


def test_an_absent_share_holds_up_no_news_and_no_other_chore(library: Library, tiny_clip: Path) -> None:
    asked(library, tiny_clip)
    shutil.move(library.root, library.root.with_name("unmounted"))
    assert due(library) == ["library_news"]


def test_what_another_process_sees_to_is_no_failure(library: Library) -> None:
    held, now = library.project.leases.held, library.project.clock.now()
    notifier = FakeNotifier()
    with held("library", what="tend", at=now), held("library-news", what="notify", at=now):
        for name in ("library", "library_news"):
            assert (
                "Another process is already at it"
                in do_chore(library.project, name, notifiers=everything_to(notifier))[0]
            )
