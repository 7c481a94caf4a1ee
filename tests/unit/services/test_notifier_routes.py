"""Who is notified of what: by kind, several at once, and each exactly once whatever happens to the others."""

from collections.abc import Callable
from typing import Any

import pytest

from dayreel.errors import ConfigurationError, TransientError
from dayreel.services.notifier_routes import KINDS, Routes, everything_to, notifier_routes
from dayreel.services.notify_people import notify_once, was_notified
from dayreel.services.notify_run_failure import FailedRun, notify_run_failure
from dayreel.services.project import Project
from dayreel.settings import Settings
from resources.vendors import RoutedNotifiers, notifier_resource
from tests.fakes.notifier import FakeNotifier

FAILED = FailedRun("r1", "measure_posts", "", "", "the catalog is away")


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, **{"world": "sandbox", **changes})


def test_without_a_route_everything_goes_to_the_first() -> None:
    routes = notifier_routes(settings())
    assert [routes.of(kind) for kind in KINDS] == [("slack",)] * len(KINDS)
    assert routes.everyone() == ("slack",)


def test_each_kind_goes_where_its_setting_says() -> None:
    routes = notifier_routes(settings(notify_failure="ntfy", notify_budget="discord, ntfy", notify_report="log"))
    assert routes.of("failure") == ("ntfy",)
    assert routes.of("budget") == ("discord", "ntfy")
    assert (routes.of("review"), routes.of("report")) == (("slack",), ("log",))
    assert set(routes.everyone()) == {"slack", "ntfy", "discord", "log"}


def test_a_route_to_nobody_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"DAYREEL_NOTIFY_BUDGET names 'pigeon'.* There are: .*email"):
        notifier_routes(settings(notify_budget="slack, pigeon"))


def test_a_route_to_what_is_not_set_up_is_refused() -> None:
    live = settings(world="live", notify_failure="email")
    with pytest.raises(ConfigurationError, match=r"DAYREEL_NOTIFY_FAILURE names email.* missing: MAIL_HOST, .*MAIL_TO"):
        notifier_routes(live)
    half = live.with_variables(MAIL_HOST="mail.example.com", MAIL_FROM="day@example.com")
    with pytest.raises(ConfigurationError, match=r"missing: MAIL_TO\."):
        notifier_routes(half)
    assert notifier_routes(half.with_variables(MAIL_TO="ana@example.com")).of("failure") == ("email",)


def test_the_sandbox_world_sends_no_mail() -> None:
    routes = notifier_routes(settings(notify_budget="email", notify_failure="email, ntfy"))
    assert (routes.of("budget"), routes.of("failure")) == (("slack",), ("ntfy",))


def test_each_notifier_gets_a_message_once(make_project: Callable[..., Project]) -> None:
    project = make_project()
    away = FakeNotifier([TransientError(attempted="send", answer="HTTP 503")] * 3, name="ntfy")
    there = FakeNotifier(name="email")
    sentence = notify_run_failure(project, FAILED, notifiers=[away, there])
    assert "ntfy was not notified: Tried to send" in sentence
    assert "email was notified: A run failed" in sentence
    back = FakeNotifier(name="ntfy")
    assert "ntfy and email were notified" in notify_run_failure(project, FAILED, notifiers=[back, there])
    assert [len(notifier.messages) for notifier in (back, there)] == [1, 1]


def test_a_notifier_with_a_wrong_setting_holds_no_other_back(make_project: Callable[..., Project]) -> None:
    project = make_project()
    wrong = FakeNotifier([ConfigurationError("MAIL_TO is 'ana'.", next_step="Write an address.")] * 9, name="email")
    there = FakeNotifier(name="ntfy")
    sentence = notify_run_failure(project, FAILED, notifiers=[wrong, there])
    assert "email was not notified: MAIL_TO is 'ana'." in sentence
    assert len(there.messages) == 1
    assert "email and ntfy were notified" in notify_run_failure(
        project, FAILED, notifiers=[FakeNotifier(name="email"), there]
    )
    assert len(there.messages) == 1


def test_a_message_is_sent_when_all_have_it(make_project: Callable[..., Project]) -> None:
    project = make_project()
    notify_once(project, None, "news/1", "Look here.", notifiers=[FakeNotifier(name="ntfy")])
    assert was_notified(project, None, "news/1", targets=["ntfy"])
    assert not was_notified(project, None, "news/1", targets=["ntfy", "email"])


def test_several_notifiers_are_one_resource_that_nests_them() -> None:
    only = notifier_resource(everything_to("ntfy"))
    assert not isinstance(only, RoutedNotifiers)
    both = notifier_resource(Routes("slack", {"failure": ("ntfy", "slack")}))
    assert isinstance(both, RoutedNotifiers)
    assert {"slack", "ntfy"} <= set(type(both).model_fields)
