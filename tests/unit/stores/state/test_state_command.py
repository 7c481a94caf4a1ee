"""`dayreel state`: what a person sees, and the way back it names really leads back."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dayreel.cli.state_command import state as command
from dayreel.errors import UsageError
from dayreel.stores.state import PipelineState


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a folder" / "metadata.json"
    document = PipelineState(path, actor="tester")
    document.write({"title": "first", "cost_usd": "0.35"})
    with document.transaction() as txn:
        txn.data["title"] = "second"
    with document.transaction() as txn:
        txn.data["title"] = "third"
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_the_printed_command_restores_a_hand_damaged_manifest(path: Path) -> None:
    path.write_text(path.read_text().replace('"third"', '"third'))
    verdict = run("verify", path)
    assert verdict.exit_code == 1
    assert "NOT in order" in verdict.output
    assert "not JSON: Invalid control character, at line 2, column " in verdict.output
    assert "(changed /title)" in verdict.output, "what the way back would lose"
    (printed,) = re.findall(r"Get back with `dayreel state (.+?)`", verdict.output)
    restored = run(*shlex.split(printed))
    assert restored.exit_code == 0, restored.output
    assert "restored from metadata_" in restored.output
    assert PipelineState(path).read()["title"] == "second"
    assert run("verify", path).exit_code == 0


def test_verify_says_the_same_to_a_program(path: Path) -> None:
    assert json.loads(run("verify", path, "--json").output)["is_ok"] is True
    path.write_text("[]")
    report = json.loads(run("verify", path, "--json").output)
    assert report["is_ok"] is False
    assert report["problems"][0]["where"] == "document"
    assert "--backup metadata_" in report["problems"][0]["next_step"]
    assert [backup["is_usable"] for backup in report["backups"]] == [True, True]


def test_the_document_its_history_and_its_backups_are_shown(path: Path) -> None:
    assert json.loads(run("show", path).output)["title"] == "third"
    assert json.loads(run("show", path, "--json").output)["document"]["title"] == "third"
    records = json.loads(run("history", path, "--limit", 2, "--json").output)
    assert [record["changed_paths"] for record in records] == [["/title"], ["/title"]]
    assert run("history", path).output.count("by tester") == 3
    assert len(json.loads(run("backups", path, "--json").output)) == 2
    assert run("backups", path).output.endswith("2 backup(s)\n")


def test_a_state_is_restored_by_transaction_and_by_time(path: Path) -> None:
    newest, _, oldest = json.loads(run("history", path, "--json").output)
    result = run("restore", path, "--transaction", oldest["transaction_id"], "--json")
    assert json.loads(result.output)["operation"] == "restore"
    assert PipelineState(path).read()["title"] == "first"
    assert run("restore", path, "--at", newest["timestamp"]).exit_code == 0
    assert PipelineState(path).read()["title"] == "third"


@pytest.mark.parametrize(
    "arguments",
    [["restore"], ["restore", "--at", "yesterday"], ["restore", "--backup", "x", "--at", "2026-01-01"]],
)
def test_a_wrong_request_is_refused_before_anything_is_done(path: Path, arguments: list[str]) -> None:
    before = path.read_bytes()
    assert isinstance(run(arguments[0], path, *arguments[1:]).exception, UsageError)
    assert path.read_bytes() == before


def test_a_mistyped_path_is_not_a_new_document(tmp_path: Path) -> None:
    for name in ("show", "history", "verify", "backups"):
        assert isinstance(run(name, tmp_path / "nothing.json").exception, UsageError)
    assert list(tmp_path.iterdir()) == []
