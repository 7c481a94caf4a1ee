"""The source document's own examples run as they stand, with no change but the import."""

import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dayreel.stores import state as state_package
from dayreel.stores.state import PipelineState

EXAMPLES = Path(__file__).with_name("seed_examples.md").read_text()
BLOCKS = dict(re.findall(r"^## (.+?)\n\n```python\n(.+?)^```", EXAMPLES, re.MULTILINE | re.DOTALL))


def run(title: str, names: dict[str, Any]) -> dict[str, Any]:
    code = BLOCKS[title].replace("from pipeline_common import", "from dayreel.stores.state import")
    exec(compile(code, f"<{title}>", "exec"), names)
    return names


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names that the examples take as given; they build on one another, as a reader would try them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return {"__name__": "example", "__file__": str(tmp_path / "a/b/example.py"), "pipeline_json": "pipeline.json"}


def test_the_quick_start_runs_in_an_empty_folder(names: dict[str, Any]) -> None:
    run("Basic usage", names)
    assert names["data"] == {}
    assert names["state"].read() == {"phase1": {"status": "success", "files": {"book.pdf": {"hash": "abc123"}}}}
    assert len(names["state"].list_backups()) == 2


def test_a_failing_phase_leaves_the_state_unchanged(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    def run_tts_synthesis() -> None:
        raise RuntimeError("no voice")

    run("Basic usage", names)
    before = names["state"].read() | {"phase4": {"status": "pending"}}
    names["state"].write(before)
    run("Error handling", names | {"run_tts_synthesis": run_tts_synthesis})
    assert capsys.readouterr().out == "Phase 4 failed: no voice\n"
    assert names["state"].read() == before


def test_the_targeted_error_handling_knows_an_unreadable_file(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("Basic usage", names)
    Path("pipeline.json").write_text("{")
    run("Error handling", names | {"run_tts_synthesis": None})
    assert capsys.readouterr().out.endswith("pipeline.json is unreadable - try restoring a backup.\n")


def test_the_backup_example_restores_after_corruption(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("Basic usage", names)
    Path("pipeline.json").write_bytes(b"\x00\x00")
    run("Backup management", names)
    assert capsys.readouterr().out == "Found 2 backups\nState restored\n"
    assert names["state"].read() == {"phase1": {"status": "pending"}}


def test_the_history_example_prints_every_transaction(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run("Transaction history", run("Basic usage", names))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["transaction - True", "transaction - True", "write - True"]


def test_the_migration_example_works_on_a_plain_file(names: dict[str, Any]) -> None:
    Path("pipeline.json").write_text('{"file_id": "book", "phase1": {}}')
    run("Migration from plain files", names)
    done = {"status": "success", "metrics": {"duration": 42.0}}
    assert PipelineState("pipeline.json").read() == {"file_id": "book", "phase1": done}


@pytest.mark.parametrize(("files", "is_done"), [(["book.pdf"], True), (None, False)])
def test_the_complete_migration_example_commits_phase_by_phase(
    names: dict[str, Any], files: list[str] | None, is_done: bool
) -> None:
    Path("pipeline.json").write_text('{"file_id": "book"}')
    run("Complete migration example", names)
    result = SimpleNamespace(files=files, metrics={"duration": 1.5})
    names["run_phase1"] = lambda input_file: result
    if is_done:
        names["run_phase2"] = lambda file_id: result
    assert names["run_orchestrator"]("book.pdf", "pipeline.json") is is_done
    phases = PipelineState("pipeline.json").read().keys() - {"file_id"}
    assert phases == ({"phase1", "phase2"} if is_done else {"phase1"})


def test_the_schema_example_refuses_what_is_not_a_phase(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    names |= {"StateValidationError": state_package.StateValidationError, "PipelineState": PipelineState}
    run("Schema validation", names)
    printed = capsys.readouterr().out
    assert printed.startswith("Validation failed: Tried to write")
    assert "/phase1" in printed
    assert names["state"].read()["phase1"]["status"] == "success"
    with pytest.raises(state_package.StateValidationError, match="/phase2/status"):
        names["state"].write({"phase2": {"status": "succes"}})


def test_more_time_for_a_lock_is_given_as_the_document_says(tmp_path: Path) -> None:
    refusals: list[str] = []

    def wait() -> None:
        with pytest.raises(state_package.StateLockError) as refusal:
            PipelineState(tmp_path / "pipeline.json", timeout=0.02).write({"n": 2})
        refusals.append(str(refusal.value))

    with PipelineState(tmp_path / "pipeline.json", timeout=30.0).transaction() as txn:
        txn.data["n"] = 1
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join()
    assert refusals[0].startswith("Tried for 0.02 s")


def test_the_settings_and_debugging_examples_run(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    run("Custom backup settings", run("Basic usage", names))
    assert len(names["state"].list_backups()) == 3
    with pytest.raises(KeyError), names["state"].transaction() as txn:
        del txn.data["nothing"]
    run("Debugging with the transaction log", names)
    assert "Error: rolled back: KeyError: 'nothing'" in capsys.readouterr().out
