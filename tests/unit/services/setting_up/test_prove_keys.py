"""Proofs: a free question per vendor that distinguishes a good key, a bad one, a missing scope and a wrong account."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.clock import SystemClock
from dayreel.providers.platforms.instagram import InstagramPost
from dayreel.providers.platforms.tiktok import TikTokPost
from dayreel.providers.platforms.youtube import YouTubePost
from dayreel.sandbox import credentials
from dayreel.sandbox.presets import NEW_DEVELOPER, PRESETS
from dayreel.schemas.channel import Channel
from dayreel.schemas.check import Check
from dayreel.schemas.posts import PostFields
from dayreel.services.setting_up.prove_keys import prove, rehearse, vendors_in_use
from dayreel.settings import Settings
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named, vendors
from tests.fakes.project import CRAFTS
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.scripted_server import Say, scripted

KEYED = ("anthropic", "openai", "gemini", "fal", "kling", "runway", "instagram", "tiktok", "youtube", "slack", "tmdb")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


def way(url: str, **changes: str) -> Access:
    variables = {**credentials.SANDBOX_CREDENTIALS, **changes}
    return Access("sandbox", variables.get, url, SystemClock(), Path())


@pytest.mark.parametrize("vendor", KEYED)
def test_a_good_key_is_proved_and_nothing_is_bought_or_posted(world: RunningSandbox, vendor: str) -> None:
    proven = prove(way(world.url), vendor, [])
    assert (proven.verdict, proven.next_step) == ("ok", "")
    effects = world.effects()
    assert (effects["generations"], effects["posts"], effects["messages"]) == ([], [], [])


@pytest.mark.parametrize("vendor", KEYED)
def test_a_wrong_key_fails_says_what_to_do_and_is_not_shown(world: RunningSandbox, vendor: str) -> None:
    wrong = dict.fromkeys(vendor_named(vendor).needs, "marked-wrong-value-0123456789abcdefgh")
    proven = prove(way(world.url, **wrong), vendor, [])
    assert proven.verdict == "fail"
    assert proven.next_step
    # An account or channel id is not a secret; a key and a token are.
    if vendor not in ("instagram", "slack"):
        assert "marked-wrong-value" not in proven.found + proven.next_step


@pytest.mark.parametrize("vendor", KEYED)
def test_a_missing_variable_is_named(world: RunningSandbox, vendor: str) -> None:
    variable = vendor_named(vendor).needs[0]
    others = vendor_named(vendor).needs[1:]
    access = replace(way(world.url), variable=lambda name: "some-value" if name in others else None)
    proven = prove(access, vendor, [])
    assert proven.verdict == "fail"
    assert variable in proven.found


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "fal", "instagram", "tiktok", "youtube", "slack", "tmdb"])
def test_a_service_that_is_down_is_a_warning(world: RunningSandbox, vendor: str) -> None:
    world.arm(vendor, "account" if vendor == "youtube" else "*", "error", status=503)
    try:
        assert prove(way(world.url), vendor, []).verdict == "warn"
    finally:
        world.clear_faults()


def test_a_model_that_this_account_does_not_have_is_named(world: RunningSandbox) -> None:
    proven = prove(way(world.url), "anthropic", ["claude-haiku-5-5", "claude-of-the-future"])
    assert proven.verdict == "fail"
    assert "no such model: claude-of-the-future" in proven.found
    assert prove(way(world.url), "openai", ["llama"]).verdict == "fail"


def test_another_youtube_channel_is_seen(world: RunningSandbox) -> None:
    proven = prove(way(world.url, YOUTUBE_CHANNEL_ID="UCsomebodyelse"), "youtube", [])
    assert (proven.verdict, "UCsomebodyelse" in proven.found) == ("fail", True)


def test_a_missing_scope_is_named() -> None:
    account = {"id": "1", "username": "somebody"}
    answer = {"data": {"is_valid": True, "scopes": ["instagram_basic", "pages_read_engagement"]}}
    with scripted(Say(body=account), Say(body=answer)) as server:
        proven = prove(way(server.url), "instagram", [])
    assert proven.verdict == "fail"
    assert "instagram_content_publish, instagram_manage_insights" in proven.found
    with scripted(Say(body={"ok": True, "user": "dayreel"}, headers={"X-OAuth-Scopes": "chat:write"})) as server:
        assert "channels:history" in prove(way(server.url), "slack", []).found


def test_every_vendor_with_a_key_has_a_proof_but_the_webhook() -> None:
    assert {vendor.name for vendor in vendors() if vendor.needs and vendor.prove is None} == {"webhook"}


def settings(**changes: Any) -> Settings:
    return Settings(_env_file=None, world="live", **changes)


def test_a_title_lookup_vendor_is_in_use_if_the_plan_names_it(tmp_path: Path) -> None:
    (tmp_path / "library.yaml").write_text("file: {lookup: none}")
    assert vendors_in_use(settings(library=tmp_path), {}) == {}
    (tmp_path / "library.yaml").write_text("file: {lookup: tmdb}")
    assert vendors_in_use(settings(library=tmp_path), {}) == {"tmdb": []}
    assert vendors_in_use(settings(library=tmp_path / "away"), {}) == {}


def test_only_vendors_in_use_are_asked_with_their_models() -> None:
    channel = Channel.model_validate({**CRAFTS, "name": "crafts", "narration": {"provider": "espeak", "voice": "en"}})
    fal = "fal-ai/wan-25-preview/text-to-video"
    wanted = {"anthropic": ["claude-sonnet-5-5"], "openai": ["gpt-6-luna"], "fal": [fal], "espeak": [], "instagram": []}
    assert vendors_in_use(settings(), {"crafts": channel}) == wanted
    login = settings().with_variables(INSTAGRAM_ACCESS_TOKEN="IGAAx", NTFY_TOPIC="t")
    assert set(vendors_in_use(login, {"crafts": channel})) == {*wanted, "quick_tunnel", "ntfy"}
    bucket = settings().with_variables(INSTAGRAM_ACCESS_TOKEN="IGAAx", STORAGE_BUCKET="b")
    assert "presigned_s3" in vendors_in_use(bucket, {"crafts": channel})


POSTING = "youtube.upload youtube.readonly"
LISTING = "user.info.basic,video.publish,video.upload,video.list"
FIRST_DAY: dict[str, tuple[str, str, dict[str, Any]]] = {
    "instagram": ("app may not serve", "as a tester", {"instagram_has_role": True}),
    "youtube": ("not enabled", "enable YouTube Data API v3", {"youtube_api_enabled": True}),
    "slack": ("not_in_channel", "/invite", {"slack_in_channel": True}),
    "discord": ("Missing Access", "View Channel", {"discord_has_access": True}),
    "runway": ("no credit", "Buy credit", {"runway_credits": 1000}),
}


@pytest.fixture(scope="module")
def first_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("first_day"), preset=NEW_DEVELOPER) as sandbox:
        yield sandbox


@pytest.mark.parametrize("vendor", FIRST_DAY)
def test_the_doctor_names_what_a_new_developer_meets(first_day: RunningSandbox, vendor: str) -> None:
    problem, step, cleared = FIRST_DAY[vendor]
    check = prove(way(first_day.url), vendor, [])
    assert check.verdict == "fail"
    assert problem in check.found
    assert step in check.next_step
    first_day.pace(**cleared)
    assert prove(way(first_day.url), vendor, []).verdict == "ok"


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "openai_speech", "fal", "fal_speech", "kling", "runway"])
def test_credit_that_no_question_shows_is_listed(vendor: str) -> None:
    assert any("redit" in note.next_step for note in vendor_named(vendor).first_day)


@pytest.mark.parametrize(
    ("vendor", "variable"), [("openai_compatible", "OPENAI_COMPATIBLE_URL"), ("comfyui", "COMFYUI_URL")]
)
def test_a_server_of_ones_own_that_is_down_is_to_be_started(vendor: str, variable: str) -> None:
    down = Access("live", {variable: "http://127.0.0.1:9/v1"}.get, None, SystemClock(), Path())
    check = prove(down, vendor, [])
    assert (check.verdict, variable in check.next_step, "Start " in check.next_step) == ("warn", True, True)


LACKING = {
    "youtube": (
        ("without yt-analytics.readonly no watch time", {"youtube_scopes": f"{POSTING} yt-analytics.readonly"}),
        ("enable YouTube Data API v3 and YouTube Analytics API", {"youtube_analytics_enabled": True}),
    ),
    "tiktok": (("without user.info.stats no count of followers", {"tiktok_scopes": f"{LISTING},user.info.stats"}),),
}


@pytest.mark.parametrize("vendor", LACKING)
def test_the_doctor_names_what_is_not_counted(first_day: RunningSandbox, vendor: str) -> None:
    first_day.pace(youtube_api_enabled=True)
    for words, cleared in LACKING[vendor]:
        check = prove(way(first_day.url), vendor, [])
        assert (check.verdict, words in check.found) == ("ok", True), check.found
        first_day.pace(**cleared)
    assert "no " not in prove(way(first_day.url), vendor, []).found


def test_a_personal_account_is_no_place_for_posts(world: RunningSandbox) -> None:
    login = way(world.url, INSTAGRAM_ACCESS_TOKEN=credentials.INSTAGRAM_LOGIN_TOKEN)
    assert prove(login, "instagram", []).verdict == "ok"
    world.pace(instagram_account_type="PERSONAL")
    check = prove(login, "instagram", [])
    world.pace(instagram_account_type="BUSINESS")
    assert (check.verdict, "professional account" in check.next_step) == ("fail", True)


def test_a_first_post_to_tiktok_is_rehearsed_until_it_is_taken(first_day: RunningSandbox) -> None:
    def look(privacy: str) -> Check:
        return rehearse(way(first_day.url), "tiktok", TikTokPost(privacy=privacy), of="crafts")

    assert prove(way(first_day.url), "tiktok", []).verdict == "ok", "no question shows it"
    for privacy in ("PUBLIC_TO_EVERYONE", "SELF_ONLY"):
        assert look(privacy).verdict == "fail"
        assert "Set the account itself to private" in look(privacy).next_step
    first_day.pace(tiktok_private_account=True)
    assert look("SELF_ONLY").verdict == "ok"
    assert look("PUBLIC_TO_EVERYONE").verdict == "fail"
    assert first_day.effects()["posts"] == []


@pytest.mark.parametrize(("vendor", "fields"), [("youtube", YouTubePost()), ("instagram", InstagramPost())])
def test_a_first_post_elsewhere_is_rehearsed(first_day: RunningSandbox, vendor: str, fields: PostFields) -> None:
    first_day.pace(youtube_api_enabled=True, youtube_has_channel=False, instagram_has_role=True)
    first_day.pace(instagram_scopes="basic manage_insights")
    refused = rehearse(way(first_day.url), vendor, fields, of="crafts")
    assert (refused.verdict, bool(refused.next_step)) == ("fail", True)
    first_day.pace(youtube_has_channel=True, instagram_scopes="basic content_publish manage_insights")
    assert rehearse(way(first_day.url), vendor, fields, of="crafts").verdict == "ok"
    assert first_day.effects()["posts"] == []


def test_every_setting_of_a_new_developer_is_met_or_listed() -> None:
    listed = " ".join(note.problem for vendor in vendors() for note in vendor.first_day)
    met = {name for _, _, cleared in FIRST_DAY.values() for name in cleared} | {"tiktok_private_account"}
    met |= {"openai_compatible_models"}  # its proof names a model that was not pulled: tests/unit/providers/llm
    met |= {name for steps in LACKING.values() for _, cleared in steps for name in cleared}
    by_words = {
        "rate_limits": "posts a day",
        "tiktok_audited": "has not audited",
        "youtube_locked_private": "keep uploads private",
        "youtube_testing": "in testing",
        "instagram_app_live": "in development",
        "instagram_quota_total": "posts in 24 hours",
        "fal_concurrency": "two requests at once",
        "elevenlabs_tier": "a free account",
        "gemini_billing": "a free quota for some models",
        "runway_concurrency": "one or two tasks at once",
        "runway_daily": "50 to 200 a day",
        "comfyui_custom_nodes": "its own nodes alone",
        "automation_switched_on": "a new scenario switched off",
        "instagram_followers": "1,000 followers or more",
        "youtube_verified": "need a verified account",
    }
    nobodys_work = {"tiktok_single_use_refresh"}  # dayreel keeps the new one
    assert met | set(by_words) | nobodys_work == set(PRESETS[NEW_DEVELOPER])
    assert all(words in listed for words in by_words.values())
