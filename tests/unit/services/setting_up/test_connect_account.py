"""Connecting an account: from a fresh app to proved tokens, every refusal, and never another account unseen."""

import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from dotenv import dotenv_values
from pydantic import SecretStr
from sqlalchemy import update

from dayreel.errors import ConfigurationError, GateClosedError, PermanentError, ProviderError, UsageError
from dayreel.queries.connections import ConnectedAccount, connected_accounts
from dayreel.services.audit import recent_acts
from dayreel.services.keep_tokens import seeds, usable_token
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import read_accounts
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.setting_up.connect_account import (
    Attempt,
    ConsentedAccount,
    as_of_now,
    begin,
    connectable,
    consent_of,
    finish,
    keep,
    why_not_here,
)
from dayreel.services.setting_up.examine import check_accounts
from dayreel.services.setting_up.set_up import keep_answers
from dayreel.services.upkeep.report_silences import find_silences
from dayreel.settings import Settings
from dayreel.stores.catalog.tables import connections
from dayreel.stores.token_vault import TokenVault, new_key
from dayreel.vendors.access import Access
from dayreel.vendors.registry import platform_named, vendor_named
from tests.fakes.consent import app_of, decide_on
from tests.fakes.project import channel_of, reviewable
from tests.fakes.sandbox import RunningSandbox

WAYS = [(platform, consent.name) for platform in connectable() for consent in platform_named(platform).consents]
ADDRESS = {"http": "http://127.0.0.1:8711/callback/", "https": "https://localhost:8711/callback/"}
OTHER = "other_creator"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def project(make_project: Callable[..., Project], world: RunningSandbox) -> Project:
    world.reset()
    project = make_project()
    return replace(project, settings=project.settings.model_copy(update={"sandbox_url": world.url}))


def ask(project: Project, platform: str, way: str | None = None, **changes: str) -> Attempt:
    consent = consent_of(platform, way)
    app = {**app_of(consent), **changes}
    return begin(project, platform, way=consent.name, redirect_uri=ADDRESS[consent.loopback], app=app)


def consented(project: Project, platform: str, way: str | None = None, **decision: str) -> ConsentedAccount:
    attempt = ask(project, platform, way)
    return finish(project, attempt, decide_on(attempt.pending.url, **decision))  # type: ignore[arg-type]


def connect(project: Project, platform: str, way: str | None = None, **decision: str) -> ConsentedAccount:
    account = consented(project, platform, way, **decision)
    keep(project, account, via="cli")
    return account


def written(project: Project) -> dict[str, str | None]:
    return dotenv_values(project.settings.root / ".env")


def known(project: Project) -> dict[str, ConnectedAccount]:
    with project.catalog.read() as connection:
        return connected_accounts(connection, "sandbox")


@pytest.mark.parametrize(("platform", "way"), WAYS)
def test_a_fresh_app_ends_in_proved_tokens(project: Project, platform: str, way: str) -> None:
    account = connect(project, platform, way)
    assert account.proof.startswith(("account ", "channel "))
    path = project.settings.root / ".env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = written(project)
    consent = account.attempt.consent
    assert {name: kept[name] for name in (consent.app_id, consent.app_secret)} == app_of(consent)
    assert all(kept[name] == value for name, value in account.brought.variables.items())
    now = known(project)[platform]
    assert (now.account, now.way, now.missing) == (account.account, way, ())
    (check,) = check_accounts(project.settings, project.clock.now())
    assert str(account.account) in check.found
    with project.catalog.read() as connection:
        act = recent_acts(connection)[0]
    assert (act.act, act.target, act.actor, act.via) == ("connect", platform, "test", "cli")


def test_the_doctor_names_scopes_that_are_asked_for_only_since(project: Project) -> None:
    connect(project, "youtube", "google")
    before = [f"https://www.googleapis.com/auth/youtube.{name}" for name in ("upload", "readonly")]
    with project.catalog.write() as connection:
        connection.execute(update(connections).values(granted=before, missing=[]))
    (check,) = check_accounts(project.settings, project.clock.now())
    assert (check.verdict, "without https://www.googleapis.com/auth/yt-analytics.readonly" in check.found) == (
        "ok",
        True,
    )


@pytest.mark.parametrize(("platform", "way"), WAYS)
def test_no_secret_is_in_what_is_shown_or_recorded(project: Project, platform: str, way: str) -> None:
    account = connect(project, platform, way)
    values = {**account.brought.variables, **account.attempt.app}
    secret_ones = [part.variable for part in vendor_named(platform).settings if part.secret]
    secrets = [account.attempt.pending.verifier, *(values[name] for name in secret_ones if name in values)]
    assert len(secrets) > 2
    with project.catalog.read() as connection:
        record = str(recent_acts(connection))
    shown = f"{account!r} {record} {known(project)!r} {check_accounts(project.settings, project.clock.now())}"
    assert not [secret for secret in secrets if secret in shown]


@pytest.mark.parametrize(("platform", "way"), WAYS)
def test_a_denial_changes_nothing_and_says_so(project: Project, platform: str, way: str) -> None:
    attempt = ask(project, platform, way)
    with pytest.raises(PermanentError, match="access_denied") as refused:
        finish(project, attempt, decide_on(attempt.pending.url, allow=False))
    assert "Nothing was changed" in refused.value.next_step
    assert written(project) == {}


@pytest.mark.parametrize("platform", connectable())
def test_a_code_is_good_once(project: Project, platform: str) -> None:
    attempt = ask(project, platform)
    answer = decide_on(attempt.pending.url)
    finish(project, attempt, answer)
    with pytest.raises(PermanentError, match="begin again"):
        finish(project, attempt, answer)


def test_a_code_that_is_old_is_refused(project: Project, world: RunningSandbox) -> None:
    attempt = ask(project, "youtube")
    answer = decide_on(attempt.pending.url)
    world.advance(600)
    with pytest.raises(PermanentError, match="expired"):
        finish(project, attempt, answer)


def test_an_answer_to_another_attempt_is_refused(project: Project) -> None:
    first, second = ask(project, "tiktok"), ask(project, "tiktok")
    assert first.pending.state != second.pending.state
    with pytest.raises(UsageError, match="does not belong"):
        finish(project, second, decide_on(first.pending.url))
    # Whoever has the state and not the verifier has nothing either.
    stolen = replace(second, pending=replace(second.pending, verifier="v" * 64))
    with pytest.raises(PermanentError, match="Code verifier"):
        finish(project, stolen, decide_on(second.pending.url))


def test_an_answer_that_comes_too_late_is_refused(project: Project) -> None:
    attempt = ask(project, "tiktok")
    late = replace(attempt, begun_at=attempt.begun_at - timedelta(minutes=11))
    with pytest.raises(UsageError, match="more than 10 minutes"):
        finish(project, late, decide_on(attempt.pending.url))


def test_an_answer_without_a_code_is_refused(project: Project) -> None:
    attempt = ask(project, "tiktok")
    with pytest.raises(UsageError, match="no code"):
        finish(project, attempt, f"{ADDRESS['http']}?state={attempt.pending.state}")


@pytest.mark.parametrize("platform", connectable())
def test_a_wrong_secret_of_the_app_is_refused_unseen(project: Project, platform: str) -> None:
    secret = consent_of(platform).app_secret
    attempt = ask(project, platform, **{secret: "marked-wrong-secret-0123456789"})
    with pytest.raises(PermanentError) as refused:
        finish(project, attempt, decide_on(attempt.pending.url))
    assert "marked-wrong-secret" not in str(refused.value)
    assert "compare the app's id, its secret" in refused.value.next_step
    assert written(project) == {}


@pytest.mark.parametrize("platform", connectable())
def test_an_address_that_is_not_registered_is_refused(project: Project, platform: str) -> None:
    attempt = ask(project, platform)
    elsewhere = attempt.pending.url.replace("callback", "elsewhere")
    page = requests.get(elsewhere, timeout=10)
    assert (page.status_code, "redirect_uri" in page.text) == (400, True)


def test_an_http_address_is_refused_where_https_is_wanted(project: Project) -> None:
    with pytest.raises(ConfigurationError, match="https addresses alone") as refused:
        begin(project, "instagram", way=None, redirect_uri="http://127.0.0.1:8700/connect/x", app={})
    assert "dayreel connect instagram" in refused.value.next_step


def test_a_code_does_not_cross_a_network_unencrypted(project: Project) -> None:
    """Google and TikTok refuse such an address, and the page offered it all the same."""
    for place, problem in (("127.0.0.1:8700", ""), ("192.168.1.5:8700", "192.168.1.5:8700 is not among them")):
        assert problem in why_not_here(consent_of("youtube"), f"http://{place}/connect/youtube/callback")
        assert not why_not_here(consent_of("youtube"), f"https://{place}/connect/youtube/callback")
    assert why_not_here(consent_of("tiktok"), "http://not-localhost/connect/tiktok/callback")


@pytest.mark.parametrize(
    ("platform", "needed"),
    [
        ("instagram", "instagram_business_content_publish"),
        ("tiktok", "video.publish"),
        ("youtube", "https://www.googleapis.com/auth/youtube.readonly"),
    ],
)
def test_a_needed_scope_that_is_not_allowed_is_named(project: Project, platform: str, needed: str) -> None:
    attempt = ask(project, platform)
    with pytest.raises(PermanentError, match="not allowed") as refused:
        finish(project, attempt, decide_on(attempt.pending.url, without=[needed]))
    assert needed in str(refused.value)
    assert written(project) == attempt.app, "the platform has taken the app, so it is not typed again"


def test_without_an_optional_scope_it_says_what_is_lost(project: Project) -> None:
    attempt = ask(project, "tiktok")
    account = finish(project, attempt, decide_on(attempt.pending.url, without=["video.upload"]))
    assert account.missing == {"video.upload": "drafts in the account's inbox (`mode: inbox`)"}


def test_an_app_that_is_not_audited_is_named_as_such(project: Project, world: RunningSandbox) -> None:
    audited = consented(project, "tiktok").brought
    assert (audited.kind, audited.app.startswith("audited"), audited.advice) == ("public account", True, ())
    world.pace(tiktok_private_account=True, tiktok_audited=False)
    brought = consented(project, "tiktok").brought
    assert (brought.kind, brought.app) == ("private account", "not audited by TikTok")
    assert "SELF_ONLY" in brought.advice[0]
    world.arm("tiktok", "init", "error", status=503)
    assert "TikTok has not said" in consented(project, "tiktok").brought.app
    assert world.effects()["posts"] == []


def test_another_account_is_shown_before_it_is_kept(project: Project) -> None:
    """The approval for the account before is void from then on, and not a moment earlier."""
    reviewable(project)
    ours = connect(project, "instagram")
    channel = channel_of(project)
    client = platform_client(project)
    read_accounts(project, channel, lambda _name: client)
    decide(project, "crafts-2026-11-20", "approved", by="ana", via="desk")
    theirs = consented(project, "instagram", account=OTHER)
    assert theirs.before == ours.account
    assert theirs.voided == ("crafts-2026-11-20",)
    assert "crafts-2026-11-20 must be approved again" in theirs.warning
    assert known(project)["instagram"].account == ours.account, "nothing is kept yet"
    keep(project, theirs, via="desk")
    with pytest.raises(GateClosedError, match="and the keys are now those of other_creator"):
        publish_post(project, channel, "crafts-2026-11-20", "instagram", provider=platform_client(project))


def platform_client(project: Project):  # type: ignore[no-untyped-def]
    settings = as_of_now(project.settings)
    access = Access("live", settings.variable, settings.sandbox_url, project.clock, settings.root)
    return vendor_named("instagram").connect(access)


def test_a_second_connect_replaces_and_old_processes_follow(project: Project) -> None:
    """A process that has read `.env` before must not take the account back that was there before."""
    connect(project, "tiktok")
    before = as_of_now(project.settings)
    second = connect(project, "tiktok", account=OTHER)
    key, token = SecretStr(str(written(project)["DAYREEL_TOKEN_KEY"])), second.brought.token
    assert token is not None

    def used_by(settings: Settings) -> str:
        (seed,) = seeds(settings.variable)
        access = Access("live", settings.variable, project.settings.sandbox_url, project.clock, Path())
        return usable_token(project.catalog, key, access, seed)

    now = as_of_now(project.settings)
    assert used_by(before) == used_by(now) == token.access
    kept = TokenVault(project.catalog, key).read("tiktok")
    assert kept is not None
    assert kept.token.refresh_expires_at == project.clock.now() + timedelta(days=180)
    project.clock.sleep(100 * 60)
    renewed = used_by(now)
    assert (renewed != token.access, used_by(before), used_by(now)) == (True, renewed, renewed)
    kept = TokenVault(project.catalog, key).read("tiktok")
    assert kept is not None
    assert kept.error is None


def test_tokens_that_were_renewed_meanwhile_are_kept(project: Project) -> None:
    """A process may begin between `.env` and the catalog; each of TikTok's refresh tokens is good once."""
    connect(project, "tiktok")
    account = consented(project, "tiktok", account=OTHER)
    keep_answers(project.settings, account.brought.variables)
    settings = as_of_now(project.settings)
    key = SecretStr(str(written(project)["DAYREEL_TOKEN_KEY"]))
    (seed,) = seeds(settings.variable)
    access = Access("live", settings.variable, project.settings.sandbox_url, project.clock, Path())
    renewed = usable_token(project.catalog, key, access, seed)
    keep(project, account, via="cli")
    assert account.brought.token is not None
    assert renewed != account.brought.token.access
    assert usable_token(project.catalog, key, access, seed) == renewed


def test_a_lost_key_is_mended_by_connecting_again(project: Project) -> None:
    connect(project, "tiktok")
    env = project.settings.root / ".env"
    env.write_text(f"DAYREEL_TOKEN_KEY={new_key()}\n")
    account = connect(project, "tiktok")
    kept = TokenVault(project.catalog, SecretStr(str(written(project)["DAYREEL_TOKEN_KEY"]))).read("tiktok")
    assert kept is not None
    assert kept.token == account.brought.token


@pytest.mark.parametrize("calls_before", [0, 1])
@pytest.mark.parametrize(("platform", "way"), [*WAYS[:2], ("youtube", "google")])
def test_a_server_that_repeats_what_it_got_betrays_nothing(
    project: Project, world: RunningSandbox, platform: str, way: str, calls_before: int
) -> None:
    for is_page in (False, True):
        attempt = ask(project, platform, way)
        answer = decide_on(attempt.pending.url)
        secrets = [app_of(attempt.consent)[attempt.consent.app_secret]]
        if calls_before:  # the code and its verifier are worth nothing by then
            world.arm(platform, "token", "delay", seconds=0)
        else:
            secrets += parse_qs(urlsplit(answer).query)["code"]
            secrets += [attempt.pending.verifier] if attempt.consent.pkce else []
        body = f"<p>{secrets}</p>" if is_page else {"error": {"message": f"no: {secrets}", "code": 1}}
        world.arm(platform, "token", "error", status=500, body=body)
        with pytest.raises(ProviderError) as refused:
            finish(project, attempt, answer)
        assert "no: " in str(refused.value) or "<p>" in str(refused.value)
        assert not [secret for secret in secrets if secret in str(refused.value)]


def test_a_way_without_renewal_takes_the_sealed_token_away(project: Project) -> None:
    connect(project, "instagram", "instagram")
    key = SecretStr(str(written(project)["DAYREEL_TOKEN_KEY"]))
    connect(project, "instagram", "facebook")
    assert TokenVault(project.catalog, key).read("instagram") is None
    assert set(known(project)["instagram"].ends) == {"data access"}, "a Page's token has no end of its own"


def test_of_several_pages_somebody_chooses(project: Project, world: RunningSandbox) -> None:
    world.pace(facebook_pages=2)
    with pytest.raises(PermanentError, match="several accounts: sandbox_creator"):
        consented(project, "instagram", "facebook")
    chosen = project.settings.with_variables(INSTAGRAM_ACCOUNT_ID="17841400000000002")
    assert consented(replace(project, settings=chosen), "instagram", "facebook").account.name == OTHER
    world.pace(facebook_pages=0)
    with pytest.raises(PermanentError, match="no Page that was allowed"):
        consented(project, "instagram", "facebook")


def test_what_the_environment_sets_is_not_overruled(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUTUBE_REFRESH_TOKEN", "1//of-the-environment")
    with pytest.raises(ConfigurationError, match="YOUTUBE_REFRESH_TOKEN, which would win"):
        ask(project, "youtube")


def test_a_folder_that_cannot_be_written_is_named_first(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_what: False)  # whoever runs the tests as root may write everywhere
    with pytest.raises(ConfigurationError, match="may not write into"):
        ask(project, "tiktok")


def test_an_end_is_announced_two_weeks_ahead(project: Project, world: RunningSandbox) -> None:
    world.pace(youtube_testing=True)
    account = connect(project, "youtube")
    assert account.brought.app.startswith("in testing")
    assert "Publish app" in account.brought.advice[0]
    connect(project, "tiktok")
    subjects = {silence.subject: silence for silence in find_silences(project, None)}
    (soon,) = [subject for subject in subjects if subject.startswith("refresh token")]
    assert soon == "refresh token of youtube 2026-11-27"
    assert "dayreel connect youtube" in subjects[soon].next_step
    (tiktok, youtube) = check_accounts(project.settings, project.clock.now())
    assert (tiktok.verdict, youtube.verdict) == ("ok", "warn")
    later = project.clock.now() + timedelta(days=167)
    assert check_accounts(project.settings, later)[0].verdict == "warn", "13 days before TikTok's 180 are over"
