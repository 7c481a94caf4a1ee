"""What `dayreel doctor` finds: every check has a way to be fine and a way not to be."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from dayreel.schemas.channel import Channel
from dayreel.schemas.check import Check
from dayreel.services.ports import who_listens
from dayreel.services.setting_up.examine import (
    check_catalog,
    check_channels,
    check_disk,
    check_env_file,
    check_ffmpeg,
    check_keys,
    check_models,
    check_ports,
    check_prices,
    check_project,
    check_python,
    check_sandbox,
    check_sources,
    examine,
)
from dayreel.settings import Settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.channel_files import ChannelFiles
from tests.fakes.ports import free_port
from tests.fakes.sandbox import RunningSandbox

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one channel."""
    (tmp_path / "channels").mkdir()
    (tmp_path / "workspace.yaml").touch()
    shutil.copy(REPOSITORY / "channels" / "asmr_crafts.yaml", tmp_path / "channels")
    return tmp_path


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that this test process holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def channels_of(root: Path) -> dict[str, Channel]:
    return ChannelFiles(root / "channels").load_all()


@pytest.mark.slow
def test_everything_is_fine_in_a_fresh_project(root: Path) -> None:
    checks = examine(Settings(root=root, desk_port=free_port(), webserver_port=free_port()))
    assert {check.name: check.verdict for check in checks} == {
        "python": "ok",
        "ffmpeg": "ok",
        "disk": "ok",
        "project": "ok",
        "channels": "ok",
        "sandbox world": "ok",
        "prices": "ok",
        "models": "ok",
        "catalog": "ok",
        "desk port": "ok",
    }
    assert not (root / "var" / "catalog.db").exists(), "the doctor made a catalog"


@pytest.mark.parametrize(
    ("version", "verdict"), [((3, 10), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "fail")]
)
def test_only_three_pythons_will_do(version: tuple[int, int], verdict: str) -> None:
    assert check_python(version).verdict == verdict


def test_a_cap_that_does_nothing_in_the_env_file_is_reported(root: Path) -> None:
    path = root / ".env"
    path.write_text("DAYREEL_WORLD=sandbox\nFAL_KEY=x\nDAYREEL_CAP_DAY_USD=1\nexport DAYREEL_WORDL=live\n")
    (check,) = check_env_file(path)
    assert check.verdict == "warn"
    assert "DAYREEL_CAP_DAY_USD holds only in the environment itself" in check.found
    assert "DAYREEL_WORDL is not a setting" in check.found
    assert "FAL_KEY" not in check.found
    path.write_text("DAYREEL_WORLD=sandbox\n")
    assert check_env_file(path) == []


def test_an_ffmpeg_that_is_not_there_is_named() -> None:
    check = check_ffmpeg("/nowhere/ffmpeg")
    assert check.verdict == "fail"
    assert "'/nowhere/ffmpeg'" in check.found


@pytest.mark.slow
def test_what_an_ffmpeg_lacks_is_named(tmp_path: Path) -> None:
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho 'ffmpeg version 1.0 Copyright'\n", encoding="utf-8")
    poor.chmod(0o755)
    check = check_ffmpeg(str(poor))
    assert check.verdict == "fail"
    assert "libx264" in check.found


@pytest.mark.parametrize(("free", "verdict"), [(6 * 10**9, "ok"), (4 * 10**9, "warn"), (4 * 10**8, "fail")])
def test_little_space_warns_and_no_space_fails(root: Path, free: int, verdict: str) -> None:
    assert check_disk(Settings(root=root), free).verdict == verdict


@pytest.mark.slow
def test_the_shared_folder_is_tried_out_where_one_is_set(root: Path, tmp_path: Path) -> None:
    def folder_checks(library: Path | None) -> dict[str, Check]:
        checks = examine(Settings(root=root, library=library, desk_port=free_port(), webserver_port=free_port()))
        return {check.name: check for check in checks if check.name.startswith("shared folder")}

    assert folder_checks(None) == {}
    assert folder_checks(tmp_path).keys() > {"shared folder: rename", "shared folder: exclusive create"}
    missing = folder_checks(tmp_path / "not-mounted")["shared folder"]
    assert (missing.verdict, missing.next_step) == ("fail", "Mount it, or correct DAYREEL_LIBRARY.")


def test_what_a_folder_lacks_to_be_a_project_is_named(tmp_path: Path) -> None:
    check = check_project(Settings(root=tmp_path))
    assert check.verdict == "fail"
    assert "has no workspace.yaml and no channels" in check.found


@pytest.mark.slow
def test_a_broken_channel_file_does_not_stop_the_other_checks(root: Path) -> None:
    (root / "channels" / "broken.yaml").write_text("title: Broken\ncolour: blue\n", encoding="utf-8")
    checks = {
        check.name: check for check in examine(Settings(root=root, desk_port=free_port(), webserver_port=free_port()))
    }
    assert checks["channels"].verdict == "fail"
    assert "broken.yaml:2: colour: unknown field" in checks["channels"].found
    assert checks["prices"].verdict == "ok"


def test_a_project_without_channels_is_warned(tmp_path: Path) -> None:
    assert check_channels(ChannelFiles(tmp_path)).verdict == "warn"


def test_footage_and_calendars_must_be_there(root: Path) -> None:
    example = (REPOSITORY / "channels" / "field_notes.yaml.example").read_text(encoding="utf-8")
    (root / "channels" / "field_notes.yaml").write_text(example, encoding="utf-8")
    (check,) = check_sources(Settings(root=root), channels_of(root))
    assert check.verdict == "fail"
    assert "channels/field_notes/calendar.csv, channels/field_notes/clips" in check.found
    (root / "channels" / "field_notes" / "clips").mkdir(parents=True)
    (root / "channels" / "field_notes" / "calendar.csv").touch()
    assert check_sources(Settings(root=root), channels_of(root))[0].verdict == "ok"


def test_the_live_world_names_missing_variables_without_values(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "marked-secret")
    settings = Settings(root=root, world="live")
    (check,) = check_keys(settings, channels_of(root))
    assert check.verdict == "fail"
    assert "FAL_KEY (fal)" in check.found
    assert "TIKTOK_ACCESS_TOKEN (tiktok)" in check.found
    assert "ANTHROPIC_API_KEY" not in check.found
    for variable in (
        *("OPENAI_API_KEY", "FAL_KEY", "INSTAGRAM_ACCESS_TOKEN", "INSTAGRAM_ACCOUNT_ID", "TIKTOK_ACCESS_TOKEN"),
        *("YOUTUBE_CLIENT_ID", "YOUTUBE_CLIENT_SECRET", "YOUTUBE_REFRESH_TOKEN"),
    ):
        monkeypatch.setenv(variable, "marked-secret")
    (check,) = check_keys(Settings(root=root, world="live"), channels_of(root))
    assert check.verdict == "ok"
    assert "marked-secret" not in check.found


def test_a_slack_token_without_its_channel_is_reported(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-x")
    (check,) = check_keys(Settings(root=root, world="live"), {})
    assert check == Check("keys of notifications", "fail", "not set: SLACK_CHANNEL_ID (slack)", check.next_step)


def test_a_wrong_route_of_messages_is_a_finding(root: Path) -> None:
    """It hides no other finding."""
    settings = Settings(root=root, world="live", notify_budget="pigeon")
    (keys, route) = check_keys(settings, channels_of(root))
    assert keys.name == "keys of asmr_crafts"
    assert (route.name, route.verdict) == ("notifications", "fail")
    assert "DAYREEL_NOTIFY_BUDGET names 'pigeon'" in route.found


def test_who_is_asked_for_titles_of_own_footage_needs_a_key_too(root: Path, tmp_path: Path) -> None:
    (tmp_path / "library.yaml").write_text("file: {lookup: tmdb}", encoding="utf-8")
    (check,) = check_keys(Settings(root=root, world="live", library=tmp_path), {})
    assert (check.name, check.found) == ("keys of own footage", "not set: TMDB_TOKEN (tmdb)")


def test_a_model_without_a_price_is_named(root: Path) -> None:
    path = root / "channels" / "asmr_crafts.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("gpt-6-luna", "gpt-nobody-priced"), encoding="utf-8")
    check = check_prices(Settings(root=root), channels_of(root))
    assert check.verdict == "fail"
    assert "'gpt-nobody-priced' has no price" in check.found


def test_a_resolution_without_a_price_is_named(root: Path) -> None:
    path = root / "channels" / "asmr_crafts.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("wan-25-preview", "wan/v2.7"), encoding="utf-8")
    text_480 = path.read_text(encoding="utf-8").replace("resolution: 720p", "resolution: 480p")
    path.write_text(text_480, encoding="utf-8")
    check = check_prices(Settings(root=root), channels_of(root))
    assert check.verdict == "fail"
    assert "'480p'" in check.found


@pytest.mark.parametrize(
    ("video", "segments", "verdict", "words"),
    [
        ("fal-ai/veo3.1/lite", "{duration_s: 5}", "fail", "segments.duration_s is 5, allowed: 4, 6, 8"),
        ("fal-ai/wan/v2.7/image-to-video", "{}", "fail", "it needs a first frame (`video.first_frame`)"),
        (
            "fal-ai/minimax/hailuo-2.3/pro/text-to-video",
            "{duration_s: 6, resolution: 1080p}",
            "warn",
            "16:9, which is cut",
        ),
        ("fal-ai/veo3.1/lite", "{duration_s: 8}", "ok", "each can make"),
    ],
)
def test_what_a_model_cannot_make_is_found(root: Path, video: str, segments: str, verdict: str, words: str) -> None:
    path = root / "channels" / "asmr_crafts.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("segments:", "video:"))]
    path.write_text("\n".join([*kept, f"segments: {segments}", f"video: {{provider: fal, model: {video}}}"]))
    channels = {"asmr_crafts": channels_of(root)["asmr_crafts"]}
    (check,) = check_models(Settings(root=root), channels)
    assert check.verdict == verdict
    assert words in check.found


def test_a_catalog_is_looked_at_and_not_upgraded(root: Path) -> None:
    settings = Settings(root=root)
    open_catalog(settings.catalog).close()
    assert check_catalog(settings).verdict == "ok"
    with open_catalog(settings.catalog) as catalog, catalog.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    for _ in range(2):
        check = check_catalog(settings)
        assert check.verdict == "warn"
        assert "schema 0000" in check.found


def test_a_catalog_newer_than_this_dayreel_fails(root: Path) -> None:
    settings = Settings(root=root)
    with open_catalog(settings.catalog) as catalog, catalog.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert check_catalog(settings).verdict == "fail"


def test_a_catalog_that_is_no_database_fails(root: Path) -> None:
    (root / "var").mkdir()
    (root / "var" / "catalog.db").write_bytes(b"this was a database once " * 100)
    check = check_catalog(Settings(root=root))
    assert check.verdict == "fail"
    assert "not a database" in check.found


def test_an_unreachable_database_fails_without_its_password(root: Path) -> None:
    url = f"postgresql://ada:marked-secret@127.0.0.1:{free_port()}/dayreel"
    check = check_catalog(Settings(root=root, catalog_url=url))
    assert check.verdict == "fail"
    assert "marked-secret" not in check.found + check.next_step


def test_a_sandbox_world_that_is_named_must_answer(root: Path, tmp_path: Path) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    assert check_sandbox(Settings(root=root, sandbox_url=gone)).verdict == "fail"
    with RunningSandbox(tmp_path / "world") as world:
        assert check_sandbox(Settings(root=root, sandbox_url=world.url)).verdict == "ok"


def test_a_sandbox_port_that_is_taken_fails_with_its_holder(root: Path, listener: int) -> None:
    check = check_sandbox(Settings(root=root, sandbox_port=listener))
    assert check.verdict == "fail"
    assert str(who_listens(listener)) in check.found


def test_a_taken_desk_port_is_shown_with_its_holder(root: Path, listener: int) -> None:
    (check,) = check_ports(Settings(root=root, desk_port=listener, webserver_port=free_port()))
    assert check.verdict == "warn"
    assert f"{listener} is taken by {who_listens(listener)}" in check.found


def test_a_dagster_with_a_port_of_its_own_is_warned_of(
    root: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(root=root, desk_port=free_port(), webserver_port=listener)
    assert [check.name for check in check_ports(settings)] == ["desk port"], "whatever else listens there is harmless"
    monkeypatch.setattr(psutil.Process, "name", lambda _self: "dagster-webserver")
    check = check_ports(settings)[1]
    assert (check.name, check.verdict) == ("dagster web server", "warn")
    assert f"port {listener}" in check.found
