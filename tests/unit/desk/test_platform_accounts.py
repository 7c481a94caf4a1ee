"""Connecting an account at the desk: admins alone, whose it is before it is kept, and no token on any page."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from dotenv import dotenv_values
from starlette.applications import Starlette

from dayreel.sandbox import credentials
from dayreel.services.project import Project
from dayreel.vendors.registry import platform_named
from tests.fakes.consent import app_of, decide_on
from tests.fakes.desk import Browser, csrf_of, desk_on, person
from tests.fakes.sandbox import RunningSandbox

CALLBACK = "http://desk.localhost/connect/tiktok/callback"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    redirects = {"tiktok_redirects": CALLBACK}
    with RunningSandbox(tmp_path_factory.mktemp("world"), pace=redirects) as sandbox:  # type: ignore[arg-type]
        yield sandbox


@pytest.fixture
def project(make_project: Callable[..., Project], world: RunningSandbox) -> Project:
    project = make_project()
    return replace(project, settings=project.settings.model_copy(update={"sandbox_url": world.url}))


@pytest.fixture
def desk(project: Project) -> Starlette:
    return desk_on(project)


@pytest.fixture
def root(desk: Starlette) -> Browser:
    return person(desk, "Root", "admin")


APP = app_of(platform_named("tiktok").consents[0])


def ask(browser: Browser) -> str:
    """Press Connect and return the address at the platform."""
    page = browser.submit("/connect/tiktok", "/connect", way="tiktok", **APP)
    assert page.status_code == 200, page.text
    assert APP["TIKTOK_CLIENT_SECRET"] not in page.text
    match = re.search(r'id="consent" href="([^"]+)"', page.text)
    assert match
    return match[1].replace("&amp;", "&")


def keep(browser: Browser, page: str) -> int:
    fields = {name: re.search(rf'name="{name}" value="([^"]+)"', page) for name in ("key", "csrf")}
    data = {name: match[1] for name, match in fields.items() if match}
    answer = browser.post("/connect/tiktok/keep", data=data, headers={"origin": "http://desk.localhost"})
    return int(answer.status_code)


def test_an_account_is_shown_before_it_is_kept(root: Browser, project: Project) -> None:
    back = root.open(decide_on(ask(root)))
    assert "TikTok: sandbox_creator" in back
    assert dotenv_values(project.settings.root / ".env") == APP, "no token"
    assert keep(root, back) == 303
    values = dotenv_values(project.settings.root / ".env")
    assert values["TIKTOK_CLIENT_KEY"] == APP["TIKTOK_CLIENT_KEY"]
    page = root.open("/connect")
    assert "connected by Root" in page
    assert "TIKTOK_CLIENT_SECRET" not in page, "the app is not asked for again"
    secrets = [value for name, value in values.items() if value and name != "TIKTOK_CLIENT_KEY" and len(value) > 21]
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in back + page]
    assert "connect: tiktok" in root.open("/people")


def test_only_admins_connect(desk: Starlette, root: Browser) -> None:
    olga = person(desk, "Olga", "operator")
    assert olga.get("/connect").status_code == 403
    assert olga.submit("/connect/tiktok", "/account", way="tiktok", **APP).status_code == 403
    assert olga.get(decide_on(ask(root))).status_code == 403
    assert "/connect" not in olga.open("/")


def test_an_answer_is_good_once_and_for_who_asked(desk: Starlette, root: Browser, project: Project) -> None:
    other = person(desk, "Rita", "admin")
    answer = decide_on(ask(root))
    refused = other.get(answer)
    assert (refused.status_code, "No consent waits here" in refused.text) == (404, True)
    back = root.open(answer)
    assert root.get(answer).status_code == 404
    assert keep(other, back) == 403, "the form is of another session"
    key = re.search(r'name="key" value="([^"]+)"', back)
    assert key
    stolen = {"key": key[1], "csrf": csrf_of(other.open("/account"))}
    response = other.post("/connect/tiktok/keep", data=stolen, headers={"origin": "http://desk.localhost"})
    assert response.status_code == 400
    assert dotenv_values(project.settings.root / ".env") == APP, "no token"
    assert keep(root, back) == 303


def test_a_denial_and_a_forged_answer_change_nothing(root: Browser, project: Project) -> None:
    denied = root.get(decide_on(ask(root), allow=False))
    assert (denied.status_code, "access_denied" in denied.text) == (502, True)
    forged = root.get(f"{CALLBACK}?code=stolen&state=guessed")
    assert forged.status_code == 404
    assert not (project.settings.root / ".env").exists()


def test_what_does_not_come_back_here_is_explained(root: Browser) -> None:
    page = root.open("/connect")
    assert "dayreel connect instagram --way facebook" in page
    refused = root.submit("/connect/instagram", "/connect", way="instagram")
    assert (refused.status_code, "https addresses alone" in refused.text) == (503, True)
    assert credentials.SANDBOX_CREDENTIALS["TIKTOK_CLIENT_SECRET"] not in page
