"""`dayreel run` with bad input: one sentence with the next step, exit code, and nothing bought or begun."""

import json
import os
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dayreel.services.making.open_content import day_scope
from dayreel.services.project import opened_project
from tests.fakes.scripted_server import Say, scripted
from tests.unit.cli.conftest import REPOSITORY, Told

Type = Callable[..., Told]
TODAY = datetime.now(UTC).date()


def nothing_was_begun(project: Path) -> bool:
    return not (project / "content").exists() and not (project / "var" / "sandbox").exists()


def test_a_day_in_the_future_is_refused(project: Path, dayreel: Type) -> None:
    result = dayreel("run", "--channel", "asmr_crafts", "--date", str(TODAY + timedelta(days=3)))
    assert result.code == 1
    assert "is in the future for channel 'asmr_crafts'" in result.err
    assert nothing_was_begun(project)


def test_a_day_before_the_channel_begins_is_refused(project: Path, dayreel: Type) -> None:
    result = dayreel("run", "--channel", "asmr_crafts", "--date", "2026-10-31", "--json")
    assert result.code == 1
    assert "is before active_from (2026-11-01)" in result.err
    assert "channels/asmr_crafts.yaml" in result.err
    assert json.loads(result.out) == []
    assert nothing_was_begun(project)


def test_broken_yaml_names_file_line_and_field(project: Path, dayreel: Type) -> None:
    path = project / "channels" / "asmr_crafts.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(index for index, line in enumerate(lines) if line.startswith("timezone:"))
    lines[number] = "timezone: Mars/Olympus"
    path.write_text("\n".join(lines), encoding="utf-8")
    for words in (("run",), ("channels", "validate"), ("channels", "list")):
        result = dayreel(*words)
        assert result.code == 1
        assert f"asmr_crafts.yaml:{number + 1}: timezone:" in result.err
    assert nothing_was_begun(project)


def test_broken_yaml_as_json_is_a_list_of_problems(project: Path, dayreel: Type) -> None:
    with (project / "channels" / "asmr_crafts.yaml").open("a", encoding="utf-8") as file:
        file.write("colour: blue\n")
    result = dayreel("channels", "validate", "--json")
    assert result.code == 1
    (problem,) = json.loads(result.out)
    assert (problem["file"], problem["field"]) == ("asmr_crafts.yaml", "colour")
    assert "allowed here" in problem["message"]


def test_a_missing_live_key_is_named_before_anything_is_bought(
    project: Path, dayreel: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYREEL_WORLD", "live")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "marked-key")
    for name in ("OPENAI_API_KEY", "FAL_KEY"):
        monkeypatch.delenv(name, raising=False)
    result = dayreel("run", "--channel", "asmr_crafts")
    assert result.code == 1
    assert "OPENAI_API_KEY (openai), FAL_KEY (fal)" in result.err
    assert "nothing was bought" in result.err
    assert "ANTHROPIC_API_KEY" not in result.err
    assert "marked-key" not in result.err + result.out
    assert nothing_was_begun(project)


def test_a_second_run_of_the_same_day_names_who_works(
    project: Path, dayreel: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYREEL_SANDBOX_URL", "http://127.0.0.1:9")
    scope = day_scope("asmr_crafts", TODAY)
    with opened_project() as here, here.leases.held(scope, what="make it", at=datetime.now(UTC)):
        result = dayreel("run", "--channel", "asmr_crafts", "--date", str(TODAY))
    assert result.code == 1
    assert f"process {os.getpid()}" in result.err
    assert "nothing was done here" in result.err


class CtrlC(Say):
    """Somebody presses Ctrl-C while the vendor is still thinking."""

    @property
    def raw(self) -> bytes:
        os.kill(os.getpid(), signal.SIGINT)
        return b""


@pytest.mark.slow
def test_ctrl_c_stops_the_command_and_starts_no_other_channel(
    project: Path, dayreel: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(CtrlC(status=500)) as vendor:
        monkeypatch.setenv("DAYREEL_SANDBOX_URL", vendor.url)
        result = dayreel("run", "--date", str(TODAY))
    assert result.code == 1
    assert result.err.endswith("What is made and paid is kept; the same command continues from there.\n\nStopped.\n")
    assert "tiny_histories" not in result.err
    assert len(vendor.asked) == 1
    assert [folder.name for folder in (project / "content").glob("[!.]*")] == [f"asmr_crafts-{TODAY}"]


def test_the_tutorials_channel_is_read_as_its_page_says(project: Path, dayreel: Type) -> None:
    """The blocks of "Your own channel", typed in: the mistake that it plants, the mended file, the second channel."""
    page = (REPOSITORY / "docs" / "tutorials" / "own-channel.md").read_text(encoding="utf-8")
    first, second = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    (calendar,) = re.findall(r"```\n(day,.*?)```", page, flags=re.DOTALL)
    folder = project / "channels" / "garden_notes"
    (folder / "clips").mkdir(parents=True)
    (folder / "clips" / "robin.mp4").write_bytes(b"footage")
    (folder / "calendar.csv").write_text(calendar, encoding="utf-8")
    file = folder.with_suffix(".yaml")
    file.write_text(first, encoding="utf-8")
    result = dayreel("channels", "validate")
    assert (result.code, result.out) == (1, "Channels: 3, problems: 1.\n")
    assert result.err.startswith("garden_notes.yaml:8: video.folder: ")
    assert result.err.endswith("/channels/garden_notes/clip is not there\n")
    file.write_text(first.replace("garden_notes/clip,", "garden_notes/clips,"), encoding="utf-8")
    (project / "channels" / "garden_notes_es.yaml").write_text(second, encoding="utf-8")
    assert dayreel("channels", "validate").out == "Channels: 4, all fine.\n"
