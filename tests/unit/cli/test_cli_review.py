"""`dayreel review`: at a prompt nothing shows that somebody else has decided, so reversing them takes a word."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.cli import run
from dayreel.queries.rows import list_contents
from tests.fakes.project import check_result, make_project, reviewable


@pytest.fixture
def review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`dayreel review` on a project with one content that waits."""
    project = make_project(tmp_path)
    reviewable(project)
    project.catalog.close()
    (tmp_path / "workspace.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return lambda *words: run(["review", *words])


ID = "crafts-2026-11-20"


def test_a_decision_shows_its_number_and_a_second_is_refused(
    review: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert review("approve", ID, "--by", "ada") == 0
    assert "approved by ada; decision 1" in capsys.readouterr().out
    assert review("approve", ID, "--by", "bob") == 1
    assert "'ada' approved it at" in capsys.readouterr().err


def test_fields_of_a_post_are_set_at_the_prompt(review: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert review("edit", ID, "--set", "instagram.cover_at_s=1.5", "--set", "instagram.collaborators=loom.house") == 0
    assert review("list") == 0
    shown = capsys.readouterr().out
    assert "cover_at_s: 1.5" in shown
    assert "collaborators: loom.house" in shown
    assert review("edit", ID) == 2
    assert review("edit", ID, "--set", "collaborators=loom.house") == 2
    assert "Write PLATFORM.FIELD=VALUE" in capsys.readouterr().err


def test_a_rejection_is_not_unknowingly_reversed_by_another(
    review: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert review("reject", ID, "--by", "ana", "--note", "the hands") == 0
    assert review("approve", ID, "--by", "ben") == 1
    error = capsys.readouterr().err
    assert "'ana' rejected it at" in error
    assert "--overrule" in error
    assert review("approve", ID, "--by", "ben", "--overrule") == 0


def test_who_decided_may_think_again(review: Callable[..., int]) -> None:
    assert review("reject", ID, "--by", "ana") == 0
    assert review("approve", ID, "--by", "ana") == 0


def test_an_approval_is_not_taken_back_unknowingly_either(review: Callable[..., int]) -> None:
    assert review("approve", ID, "--by", "ana") == 0
    assert review("reject", ID, "--by", "ben") == 1
    assert review("reject", ID, "--by", "ben", "--overrule") == 0


def test_a_rejection_offers_another_take_with_its_price(
    review: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert review("reject", ID, "--by", "ana") == 0
    offer = f"Another take of the same day, for about $1.58: dayreel retry {ID} --new-take"
    assert offer in capsys.readouterr().out


def test_whoever_says_no_to_the_price_begins_nothing(
    review: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert review("reject", ID, "--by", "ana") == 0
    prompt = io.StringIO("n\n")
    monkeypatch.setattr(prompt, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", prompt)
    assert run(["retry", ID, "--new-take"]) == 1
    assert "Make another take of crafts on 2026-11-20 for about $1.58?" in capsys.readouterr().err
    project = make_project(tmp_path)
    with project.catalog.read() as connection:
        assert [row.id for row in list_contents(connection)] == [ID]
    project.catalog.close()


def test_a_failed_check_is_listed_and_waived_at_the_prompt(
    review: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path, channels={})
    reviewable(project, video=b"a dark video", checks=(check_result("not_black"),))
    project.catalog.close()
    assert review("list", "--json") == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["checks"] == [
        {"name": "not_black", "verdict": "FAILED", "value": "0.90 s black", "expected": "at most 0.5 s"}
    ]
    assert review("approve", ID, "--by", "ana") == 1
    assert f"dayreel review waive {ID} not_black --reason TEXT" in capsys.readouterr().err
    assert review("list") == 0
    assert f"{ID}: 0 of 1 checks passed; not_black FAILED (It has 0.90 s black)" in capsys.readouterr().out
    assert review("waive", ID, "not_black", "--by", "ana", "--reason", "a night scene") == 0
    assert review("list") == 0
    assert "not_black waived (It has 0.90 s black. Waived by ana: a night scene)" in capsys.readouterr().out
    assert review("approve", ID, "--by", "ben") == 0
