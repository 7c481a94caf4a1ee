"""`dayreel connect`: a browser is sent away and comes back here; only the app's id and secret are typed."""

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner, Result

from dayreel.cli import connect_command
from dayreel.sandbox import credentials
from dayreel.settings import load_settings
from dayreel.vendors.registry import platform_named
from tests.fakes.consent import decide_on
from tests.fakes.ports import free_port
from tests.fakes.sandbox import RunningSandbox

Connect = Callable[..., Result]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    redirects = {"instagram_redirects": "https://localhost:*/callback/"}
    with RunningSandbox(tmp_path_factory.mktemp("world"), pace=redirects) as sandbox:  # type: ignore[arg-type]
        yield sandbox


@pytest.fixture
def connect(world: RunningSandbox, project: Path, monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Run the command; `browser` is what the owner's browser does with the address that is opened."""
    monkeypatch.setenv("DAYREEL_SANDBOX_URL", world.url)

    def run(
        *arguments: str, browser: Callable[[str], object] = lambda url: come_back(decide_on(url)), **typed: str
    ) -> Result:
        opened: list[threading.Thread] = []

        def open_page(url: str) -> None:
            opened.append(threading.Thread(target=browser, args=(url,)))
            opened[0].start()

        monkeypatch.setattr(connect_command, "_open", open_page)
        answer = CliRunner().invoke(
            connect_command.command,
            [*arguments, "--port", str(free_port())],
            input="".join(f"{line}\n" for line in typed.values()),
            standalone_mode=False,
        )
        for thread in opened:
            thread.join(10)
        return answer

    return run


def come_back(address: str) -> requests.Response:
    """Follow the platform's redirect to this machine, and go on past the warning about its certificate."""
    with warnings.catch_warnings(action="ignore"):
        return requests.get(address, timeout=10, verify=False)


def app_of(platform: str) -> dict[str, str]:
    consent = platform_named(platform).consents[0]
    return {name: credentials.SANDBOX_CREDENTIALS[name] for name in (consent.app_id, consent.app_secret)}


@pytest.mark.parametrize("platform", ["instagram", "tiktok", "youtube"])
def test_only_the_apps_id_and_secret_are_typed(connect: Connect, project: Path, platform: str) -> None:
    app = app_of(platform)
    result = connect(platform, **app)
    assert (result.exception, result.return_value) == (None, 0), result.output
    assert "is connected: " in result.output
    assert "scopes    " in result.output
    assert list(app.values())[1] not in result.output, "the secret"
    settings = load_settings()
    vendor = platform_named(platform)
    kept = [settings.variable(name) for name in app]
    assert kept == list(app.values())
    assert vendor.consents[0].register in result.output
    again = connect(platform, "--json")
    assert again.return_value == 0, again.output
    assert json.loads(again.stdout)["account"]["id"]


def test_a_browser_of_another_attempt_is_turned_away(connect: Connect) -> None:
    answers: list[requests.Response] = []

    def stray_first(url: str) -> None:
        address = decide_on(url)
        answers.append(come_back(address.partition("state=")[0] + "state=another"))
        answers.append(come_back(f"{address.split('/callback/')[0]}/favicon.ico"))
        answers.append(come_back(address))

    result = connect("tiktok", browser=stray_first, **app_of("tiktok"))
    assert result.return_value == 0, result.output
    assert [answer.status_code for answer in answers] == [400, 404, 200]
    assert "Nothing was done" in answers[0].text
    assert "Close this page" in answers[2].text


def test_a_denial_is_shown_on_both_sides(connect: Connect, project: Path) -> None:
    answers: list[requests.Response] = []
    result = connect(
        "youtube", browser=lambda url: answers.append(come_back(decide_on(url, allow=False))), **app_of("youtube")
    )
    assert "access_denied" in str(result.exception)
    assert "was not allowed" in answers[0].text
    assert not (project / ".env").exists()


def test_another_account_is_asked_about_first(connect: Connect) -> None:
    assert connect("tiktok", **app_of("tiktok")).return_value == 0

    def other(url: str) -> None:
        come_back(decide_on(url, account="other_creator"))

    result = connect("tiktok", browser=other, answer="n")
    assert (result.return_value, "sandbox_creator now, and this is other_creator" in result.output) == (1, True)
    result = connect("tiktok", "--replace", browser=other)
    assert (result.return_value, "TikTok is connected: other_creator" in result.output) == (0, True)


def test_without_a_browser_here_one_address_is_pasted(
    connect: Connect, world: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(connect_command, "_ask_address", lambda: decide_on(asked[0]))
    say = connect_command._say_where

    def listen(consent: object, redirect_uri: str, url: str, *, paste: bool) -> None:
        asked.append(url)
        say(consent, redirect_uri, url, paste=paste)  # type: ignore[arg-type]

    monkeypatch.setattr(connect_command, "_say_where", listen)
    result = connect("instagram", "--paste", **app_of("instagram"))
    assert result.return_value == 0, result.output
    assert "That one address is pasted here" in result.output
    assert urlsplit(asked[0]).path == "/instagram/oauth/authorize"


def test_what_is_not_connected_in_a_browser_is_named(connect: Connect) -> None:
    assert "Those are: instagram, tiktok, youtube" in str(connect("outbox").exception)
    assert "Its ways are: instagram, facebook" in str(connect("instagram", "--way", "smoke").exception)
