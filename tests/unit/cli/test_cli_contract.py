"""What every command keeps: exit codes, JSON alone on stdout, help, and no Dagster where nobody needs it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import click
import pytest

from dayreel import cli
from dayreel.cli import COMMANDS, root
from dayreel.cli.run_command import show_days
from dayreel.services.setting_up.list_providers import Listed, list_providers
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.vendors.registry import names
from tests.fakes.rows import add_content
from tests.unit.cli.conftest import Told

Type = Callable[..., Told]


def every_command() -> Iterator[tuple[str, ...]]:
    """Every command line that has help, subcommands included."""
    context = click.Context(root)
    for name in COMMANDS:
        yield (name,)
        command = root.get_command(context, name)
        if isinstance(command, click.Group):
            yield from ((name, sub) for sub in command.commands)


def put_content(day: date = date(2026, 11, 20)) -> str:
    """Write a content's row into the project's catalog."""
    with open_catalog(load_settings().catalog) as catalog:
        return add_content(catalog, f"asmr_crafts-{day}", "review_pending", revision=1)


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_has_help_that_says_what_it_does(words: tuple[str, ...], dayreel: Type) -> None:
    result = dayreel(*words, "--help")
    assert result.code == 0
    assert f"Usage: dayreel {' '.join(words)}" in result.out
    assert len(result.out.splitlines()) > 4
    assert result.err == ""


def test_what_a_vendor_prints_is_beside_the_document(dayreel: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    def greet(settings: Settings) -> list[Listed]:
        sys.stdout.write("welcome\n")
        return list_providers(settings)

    monkeypatch.setattr("dayreel.cli.providers_command.list_providers", greet)
    result = dayreel("providers", "--json")
    assert json.loads(result.out)
    assert result.err == "welcome\n"
    assert "welcome" in dayreel("providers").out


def test_the_list_of_commands_is_that_of_the_modules() -> None:
    product = Path(cli.__file__).parents[1]
    modules = [path.stem.removesuffix("_command") for path in product.rglob("cli/*_command.py")]
    assert sorted(name.replace("-", "_") for name in COMMANDS) == sorted(modules)


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("status", "--nonsense"),
        ("status", "--date", "20.11.2026"),
        ("run", "--date", "2026-02-30"),
        ("run", "--channel", "nobody"),
        ("review", "approve", "not an id"),
        ("review", "approve", "asmr_crafts-2026-11-20"),
        ("config", "get", "nonsense"),
        ("config", "set", "cap.day_usd", "a lot"),
        ("switch", "sideways"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2_and_says_so_on_stderr(words: tuple[str, ...], dayreel: Type) -> None:
    result = dayreel(*words)
    assert result.code == 2
    assert result.out == ""
    assert result.err.strip()
    assert "Traceback" not in result.err


def test_an_unknown_channel_is_refused_with_the_known_ones(dayreel: Type) -> None:
    assert "'nobody'" in dayreel("run", "--channel", "nobody").err
    assert "asmr_crafts, tiny_histories" in dayreel("run", "--channel", "nobody").err


def test_a_day_that_cannot_be_read_is_refused_with_an_example(dayreel: Type) -> None:
    assert "Write days as YYYY-MM-DD" in dayreel("run", "--date", "tomorrow").err


@pytest.mark.parametrize("words", [("status",), ("review", "list"), ("config", "list"), ("channels", "list")])
def test_json_is_one_document_alone_on_stdout(words: tuple[str, ...], dayreel: Type) -> None:
    put_content()
    result = dayreel(*words, "--json")
    assert result.code == 0
    assert isinstance(json.loads(result.out), list)
    assert result.err == ""


def test_channels_list_names_every_platform(dayreel: Type) -> None:
    documents = json.loads(dayreel("channels", "list", "--json").out)
    assert {tuple(document["platforms"]) for document in documents} == {tuple(names("platforms"))}
    assert {bool(fields) for document in documents for fields in document["platforms"].values()} == {True, False}


def test_the_table_of_a_run_says_how_its_contents_stand(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content_id = put_content()
    show_days(load_settings(project), {date(2026, 11, 20)}, {"asmr_crafts"}, as_json=False)
    assert f"{content_id}  review pending  $0.0000" in capsys.readouterr().out


def test_status_has_the_promised_shape(dayreel: Type) -> None:
    content_id = put_content()
    (documents,) = json.loads(dayreel("status", "--json").out)
    assert documents["content_id"] == content_id
    assert documents["next"] == f"dayreel review approve {content_id}"
    assert {"channel", "date", "state", "cost_usd", "review", "posts"} <= set(documents)
    assert content_id in dayreel("status").out


def test_status_of_one_day_leaves_out_the_others(dayreel: Type) -> None:
    put_content(date(2026, 11, 18))
    put_content(date(2026, 11, 19))
    (documents,) = json.loads(dayreel("status", "--json", "--date", "2026-11-18").out)
    assert documents["date"] == "2026-11-18"


def test_an_empty_project_says_what_to_type(dayreel: Type) -> None:
    result = dayreel("status")
    assert result.code == 0
    assert "dayreel run" in result.out
    assert json.loads(dayreel("status", "--json").out) == []


def test_an_invalid_setting_is_named_without_its_value(dayreel: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYREEL_WEBSERVER_PORT", "marked-value")
    result = dayreel("status")
    assert result.code == 1
    assert "DAYREEL_WEBSERVER_PORT (" in result.err
    assert "marked-value" not in result.err


def test_the_kill_switch_is_seen_in_the_configuration(dayreel: Type) -> None:
    assert "nothing is bought" in dayreel("switch", "off").out
    assert dayreel("config", "get", "switch").out == "off\n"
    assert dayreel("switch", "on").code == 0
    assert json.loads(dayreel("config", "get", "switch", "--json").out)["value"] == "on"


READING = """
import sys
from dayreel.cli import run
for words in ("status", "status --json", "review list", "config list", "switch on", "channels list"):
    assert run(words.split()) == 0, words
heavy = {"dagster", "anthropic", "openai", "fal_client"}
print(sorted(name for name in sys.modules if name.partition(".")[0] in heavy))
"""
STATUS_ALONE = """
import sys
from dayreel.cli import run
assert run(["status", "--json"]) == 0
unneeded = ("dayreel.schemas.channel", "yaml", "requests", "psutil", "rich", "alembic")
print([name for name in unneeded if name in sys.modules])
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", [READING, STATUS_ALONE], ids=["no Dagster and no SDK", "status alone is lean"])
def test_reading_commands_import_only_what_they_need(script: str, project: Path) -> None:
    put_content()
    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
