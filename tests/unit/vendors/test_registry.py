"""Vendors of other packages: found by entry point, chosen by name, and in nobody's way when they cannot be used."""

import html
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from dayreel.cli import run
from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, UsageError
from dayreel.queries.alarms import alarms
from dayreel.queries.config import key_named
from dayreel.sandbox.server import create_app
from dayreel.schemas.channel import Channel, Platforms
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.project import Project
from dayreel.services.setting_up.connect_account import begin, connectable, consent_of, missing_app
from dayreel.services.setting_up.examine import check_channels, check_vendors
from dayreel.services.setting_up.list_providers import list_providers
from dayreel.services.upkeep.due_work import new_decisions
from dayreel.services.upkeep.report_silences import find_silences
from dayreel.settings import Settings, World
from dayreel.vendors import registry
from dayreel.vendors.access import Access
from dayreel.vendors.registry import label_of, names, unusable, vendor_named, where_to_look
from tests.fakes.desk import desk_on, person
from tests.fakes.project import CRAFTS
from tests.fakes.rows import add_content, add_decision

VOICE = """
from dayreel.vendors.record import Setting, Vendor
VENDOR = Vendor("acme", "speech", "A voice.", lambda access: access.secret("ACME_KEY"),
                settings=(Setting("ACME_KEY", "acme.example", sandbox="sandbox-acme"),),
                where_to_look="acme.example, jobs")
"""
PLATFORM = """
from dayreel.schemas.posts import PostFields
from dayreel.vendors.record import CaptionRules, Platform, Vendor
class Fields(PostFields):
    board: str
VENDOR = Vendor("acme", "platforms", "A platform.", lambda access: None,
                platform=Platform(Fields, CaptionRules(100, "bytes")))
"""
CONSENT = """
from dayreel.schemas.posts import PostFields
from dayreel.vendors.consent import Consent
from dayreel.vendors.record import CaptionRules, Platform, Setting, Vendor
CONSENT = Consent("acme", "ACME_ID", "ACME_SECRET", ("https://acme.example/authorize", "/acme/authorize"),
                  ("https://acme.example/token", "/acme/token"), ("post",), {}, "http", "acme.example", print)
VENDOR = Vendor("acme", "platforms", "A platform.", lambda access: None,
                settings=(Setting("ACME_ID", "its app", secret=False), Setting("ACME_SECRET", "its app")),
                platform=Platform(PostFields, CaptionRules(100, "bytes"), consents=(CONSENT,)))
"""
CHAT = """
from dayreel.vendors.record import Chat, Vendor

CHAT = Chat("ACME_ROOM", "Acme id", lambda variable: None)
VENDOR = Vendor("acme", "notifiers", "A chat.", lambda access: None, chat=CHAT)
"""
Install = Callable[..., None]


def forget() -> None:
    for cached in (registry._all, registry._plugged, registry._load_point, registry.sandbox_variables):
        cached.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with one entry point where this process finds it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    brought: list[str] = []

    def put(code: str, *, name: str = "acme", package: str = "acme_package") -> None:
        (tmp_path / f"{package}.py").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[dayreel.vendors]\n{name} = {package}:VENDOR\n")
        brought.append(package)
        forget()

    yield put
    monkeypatch.undo()
    for package in brought:
        sys.modules.pop(package, None)
    forget()


def channel(**changes: object) -> Channel:
    return Channel.model_validate({**CRAFTS, "name": "crafts", **changes})


def test_a_voice_of_another_package_is_one_like_ours(install: Install) -> None:
    ours = names("speech")
    install(VOICE)
    assert names("speech") == [*ours, "acme"]
    assert channel(narration={"provider": "acme", "voice": "x"}).narration is not None
    assert (label_of("acme"), where_to_look("acme")) == ("Acme", "acme.example, jobs")
    assert registry.sandbox_variables()["ACME_KEY"] == "sandbox-acme"
    assert unusable() == []


def test_a_platform_brings_its_fields_and_its_switch(install: Install) -> None:
    install(PLATFORM)
    chosen = channel(platforms={"acme": {"board": "b"}, "tiktok": {"privacy": "SELF_ONLY"}}).platforms.chosen()
    assert {name: fields.model_dump()["ai_disclosure"] for name, fields in chosen.items()} == {
        "tiktok": True,
        "acme": True,
    }
    with pytest.raises(ValidationError) as refusal:
        channel(platforms={"acme": {"bord": "b"}})
    assert [error["loc"] for error in refusal.value.errors()] == [
        ("platforms", "acme", "board"),
        ("platforms", "acme", "bord"),
    ]
    assert "acme" in Platforms.model_json_schema()["properties"]
    assert key_named("publish.acme").default == "dry-run"


def test_a_platform_brings_its_consent(install: Install, make_project: Callable[..., Project]) -> None:
    install(CONSENT)
    project, address = make_project(), "http://127.0.0.1:8711/callback/"
    assert "acme" in connectable()
    assert [part.variable for part in missing_app(project.settings, "acme", consent_of("acme"))] == [
        "ACME_ID",
        "ACME_SECRET",
    ]
    app = {"ACME_ID": "an-app", "ACME_SECRET": "marked-secret"}
    url = begin(project, "acme", way=None, redirect_uri=address, app=app).pending.url
    assert url.startswith("https://acme.example/authorize?response_type=code&client_id=an-app&")
    assert "marked-secret" not in url


def test_a_chat_brings_a_field_for_its_people(install: Install) -> None:
    install(CHAT)
    review = channel(review={"who": ["ana"], "acme": {"7": "ana"}, "slack": {"U1": "ana"}}).review
    assert (review.deciders("acme"), review.deciders("slack"), review.deciders("discord")) == (
        {"7": "ana"},
        {"U1": "ana"},
        {},
    )
    with pytest.raises(ValidationError) as refusal:
        channel(review={"acne": {"7": "ana"}})
    assert [(error["loc"], error["type"]) for error in refusal.value.errors()] == [
        (("review", "acne"), "extra_forbidden")
    ]
    assert Channel.model_json_schema()["$defs"]["Review"]["properties"]["acme"]["description"].startswith("Acme id to")


def test_a_name_that_nobody_has_lists_those_there_are(install: Install) -> None:
    install(VOICE)
    with pytest.raises(ValidationError, match=r"it has to be 'edge', .* or 'acme'"):
        channel(narration={"provider": "acmee", "voice": "x"})
    with pytest.raises(ValidationError, match=r"it has to be 'fal', .* or '\w+'"):
        channel(video={"provider": "acme", "model": "x"})
    with pytest.raises(UsageError, match="There is no provider 'acmee'"):
        vendor_named("acmee")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nowhere_at_all", "cannot be loaded (ModuleNotFoundError"),
        ("raise SystemError('at import')", "cannot be loaded (SystemError: at import)"),
        (CHAT.replace("notifiers", "speech"), "a `chat` is a notifier"),
        ("VENDOR = 'acme'", "is not a Vendor"),
        (VOICE.replace('"acme"', '"acne"'), "have to be the same"),
        (VOICE.replace("speech", "platforms"), "has a `platform` where its family is platforms"),
        ("import sys; sys.exit('no licence')", "cannot be loaded (SystemExit: no licence)"),
        (VOICE.replace("speech", "voice"), "`family` of its Vendor does not fit: it has to be 'llm'"),
        (VOICE.replace('"ACME_KEY", "', '"acme-key", "'), "none of dayreel's own: acme-key"),
        (VOICE.replace('"ACME_KEY", "', '"DAYREEL_WORLD", "'), "none of dayreel's own: DAYREEL_WORLD"),
        (
            VOICE.replace('Setting("ACME_KEY", "acme.example", sandbox="sandbox-acme")', '"ACME"'),
            "`settings` of its Vendor does not fit",
        ),
        (VOICE.replace("settings=", "order='first', settings="), "`order` of its Vendor does not fit"),
        (PLATFORM.replace('"bytes"', '"words"'), "`unit` of its CaptionRules does not fit"),
        (
            PLATFORM.replace("schemas.posts import PostFields", "schemas.strict import Strict as PostFields"),
            "`platform` lack ai_disclosure, hashtags",
        ),
    ],
)
def test_a_package_that_cannot_be_used_harms_nothing_else(install: Install, code: str, reason: str) -> None:
    ours = names("speech")
    install(code)
    (problem,) = unusable()
    assert (problem.name, problem.distribution) == ("acme", "acme_package 1.0")
    assert reason in problem.reason
    assert [(check.name, check.verdict) for check in check_vendors()] == [("vendor acme", "warn")]
    assert names("speech") == ours
    assert vendor_named("edge").name == "edge"
    with pytest.raises(ConfigurationError, match=r"'acme' of acme_package 1\.0 cannot be used"):
        vendor_named("acme")
    with pytest.raises(ValidationError, match=r"'acme' of acme_package 1\.0 cannot be used"):
        channel(narration={"provider": "acme", "voice": "x"})


def test_a_name_of_ours_stays_ours(install: Install) -> None:
    install(VOICE.replace("acme", "edge"), name="edge")
    (problem,) = unusable()
    assert (problem.name, problem.reason) == ("edge", "dayreel has a vendor of that name itself")
    assert vendor_named("edge").label == "Edge"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((name, "means something else") for name in ("project", "io_manager", "approvals", "desk", "copy", "class")),
        ("a" * 31, "at most 30 small letters"),
    ],
)
def test_a_name_that_has_no_room_is_refused(install: Install, name: str, reason: str) -> None:
    install(VOICE.replace('"acme"', f'"{name}"'), name=name)
    assert [(problem.name, reason in problem.reason) for problem in unusable()] == [(name, True)]


def test_what_a_package_prints_is_in_no_answer(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("print('welcome')\n" + VOICE)
    assert "acme" in names("speech")
    assert capsys.readouterr().out == ""


def test_a_client_that_cannot_be_made_names_its_package(install: Install) -> None:
    install(VOICE.replace('access.secret("ACME_KEY")', "1 / 0"))
    access = Access("sandbox", lambda _name: "", "http://127.0.0.1:1", SystemClock(), Path())
    with pytest.raises(ConfigurationError, match=r"'acme' of acme_package 1.0 cannot be used.*ZeroDivisionError"):
        vendor_named("acme").connect(access)


def test_a_channel_waits_for_its_vendors_package(
    install: Install,
    make_project: Callable[..., Project],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The others go on; what is missing stands on every face, with what to do."""
    project = make_project(channels={"crafts": {}, "spoken": {"narration": {"provider": "acme", "voice": "x"}}})
    day, content_id = CRAFTS["active_from"], "spoken-2026-11-20"
    add_content(project.catalog, content_id, "review_pending")
    decision = add_decision(project.catalog, content_id)
    install("raise ValueError('no licence')")
    assert list(project.channels.load_all()) == ["crafts"]
    [sentence] = alarms(project).held
    assert "'spoken' is left out" in sentence
    assert "no licence" in sentence
    assert "Update or uninstall that package" in sentence
    assert sentence.split(":")[0] in html.unescape(person(desk_on(project), "Vera", "viewer").open("/"))
    news = new_decisions(project, 0, days={content_id[-10:], str(day)})
    assert (news.due, [reason.startswith(f"decision {decision}: Channel") for reason in news.left_out]) == ([], [True])
    monkeypatch.chdir(project.settings.root)
    assert run(["status"]) == 0
    assert sentence in capsys.readouterr().out
    assert [silence.text for silence in find_silences(project, None) if "channel" in silence.subject] == [sentence]
    assert check_channels(project.channels).next_step.startswith("Update or uninstall that package")


def test_a_broken_file_still_stops_the_graph(install: Install, make_project: Callable[..., Project]) -> None:
    project = make_project(channels={"spoken": {"narration": {"provider": "acme", "voice": "x"}, "title": ""}})
    install("raise ValueError('no licence')")
    with pytest.raises(ConfigurationError, match="no licence"):
        project.channels.load_all()


def test_a_shared_variable_keeps_our_value(install: Install) -> None:
    ours = registry.sandbox_variables()["FAL_KEY"]
    install(VOICE.replace("ACME_KEY", "FAL_KEY"))
    assert vendor_named("acme").settings[0].sandbox != ours
    assert registry.sandbox_variables()["FAL_KEY"] == ours


@pytest.mark.parametrize("stand_in", ["nowhere:routes", "acme_package:routes", "acme_package"])
def test_a_stand_in_that_fails_leaves_the_others(install: Install, tmp_path: Path, stand_in: str) -> None:
    routes = "\ndef routes(world):\n    raise RuntimeError('not today')\n"
    install(VOICE.replace("where_to_look=", f'stand_in="{stand_in}", where_to_look=') + routes)
    app = create_app(tmp_path / "world", code="test")
    assert vendor_named("acme").stand_in == stand_in
    assert len(app.routes) > 50
    app.state.world.store.close()


def test_a_vendor_without_a_sandbox_key_is_not_ready(install: Install) -> None:
    install(VOICE.replace(', sandbox="sandbox-acme"', ""))
    ready = {listed.name: listed.ready for listed in list_providers(Settings(_env_file=None))}
    assert (ready["acme"], ready["fal"], ready["log"]) == (False, True, True)
    access = Access("sandbox", lambda _name: None, "http://127.0.0.1:1", SystemClock(), Path())
    with pytest.raises(ConfigurationError, match=r"ACME_KEY has no value in the sandbox world.*Use another vendor"):
        vendor_named("acme").connect(access)


def test_a_name_that_two_packages_bring_names_both(install: Install) -> None:
    install(VOICE)
    install(VOICE, package="another_package")
    (problem,) = unusable()
    assert problem.distribution == "acme_package 1.0 and another_package 1.0"
    with pytest.raises(ConfigurationError, match=r"another_package 1\.0 cannot be used: each of them brings"):
        vendor_named("acme")


NOTIFIER = """
from dayreel.vendors.record import Setting, Vendor
NEEDS = (Setting("ACME_KEY", "acme.example", sandbox="s"), Setting("ACME_ROOM", "a room", sandbox="s"))
VENDOR = Vendor("acme", "notifiers", "A pager.", lambda access: None, settings=NEEDS, order=0)
"""


@pytest.mark.parametrize("world", ["sandbox", "live"])
def test_installing_a_notifier_does_not_choose_it(install: Install, world: World) -> None:
    settings = Settings(_env_file=None, world=world)
    before = notifier_routes(settings).default
    install(NOTIFIER)
    with_a_key = settings.with_variables(ACME_KEY="k")
    assert notifier_routes(settings).default == notifier_routes(with_a_key).default == before
    assert notifier_routes(settings.with_variables(ACME_KEY="k", ACME_ROOM="r")).default == "acme"


LIVE = """
import sys
from dayreel.services.setting_up import examine, prove_keys
from dayreel.services.project import Project
from dayreel.services.notifier_routes import notifier_routes
from dayreel.settings import Settings
from dayreel.vendors.registry import vendors
assert notifier_routes(Settings(_env_file=None, world="live")).default == "log" and len(vendors()) > 10
stand_ins = {vendor.stand_in.partition(":")[0] for vendor in vendors() if vendor.stand_in}
assert len(stand_ins) > 10 and not stand_ins & set(sys.modules), stand_ins & set(sys.modules)
"""


@pytest.mark.slow
def test_the_live_world_imports_no_stand_in(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", LIVE]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
