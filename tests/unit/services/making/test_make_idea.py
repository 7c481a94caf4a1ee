"""The day's idea: new, on the schema, paid once; or a row that somebody wrote."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import ConfigurationError, PermanentError
from dayreel.services.making.make_idea import make_idea
from dayreel.services.project import Project
from tests.fakes.language_model import SUBJECTS, FakeLanguageModel, answer, idea
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows, reviewable, transitions, write_channel

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]
HEAD = "day,idea,caption,hashtags,topic\n"
ROW = '2026-11-20,"A heron stands in the reeds, still",Grey heron,#birds #reeds,herons\n'


def calendar(make_project: MakeProject, tmp_path: Path, text: str, *, encoding: str = "utf-8") -> Project:
    project = make_project(channels={"crafts": {"ideas": {"provider": "calendar", "file": "days.csv"}}})
    (tmp_path / "channels" / "days.csv").write_text(text, encoding=encoding)
    return project


def test_an_idea_is_written_to_manifest_folder_and_catalog(make_project: MakeProject) -> None:
    project = make_project(run_id="run-1")
    model = FakeLanguageModel([answer(idea())])
    result = make_idea(project, channel_of(project), DAY, model=model)
    assert result.manifest.idea is not None
    assert result.manifest.idea.idea == SUBJECTS[0]
    written = json.loads((project.contents.folder(ID) / "idea.json").read_text())
    assert written["caption"] == "Clay, patience 🏺"
    assert (written["id"], written["status"]) == (ID, "for_production")
    assert datetime.fromisoformat(written["timestamp"]).replace(microsecond=0) == project.clock.now()
    row = content_row(project, ID)
    assert (row.state, row.idea, row.topic, row.caption) == (
        "scripting",
        SUBJECTS[0],
        "black clay",
        "Clay, patience 🏺",
    )
    assert str(result.record.cost_usd) == "0.007000"
    assert result.record.effect_ids == (ledger_rows(project)[0]["id"],)
    assert (result.record.provider, result.record.run_id) == ("anthropic", "run-1")
    (asked,) = model.asked
    assert "A craft on 2026-11-20" in asked.prompt
    assert transitions(project, ID) == [("pending", "script", "scripting")]


def test_asking_again_for_the_same_day_asks_nobody(make_project: MakeProject) -> None:
    project = make_project()
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel())
    silent = FakeLanguageModel()
    assert make_idea(project, channel_of(project), DAY, model=silent).reused is True
    assert silent.asked == []


def test_an_idea_too_like_an_earlier_one_is_retried_naming_it(make_project: MakeProject) -> None:
    project = make_project()
    yesterday = DAY.replace(day=19)
    make_idea(project, channel_of(project), yesterday, model=FakeLanguageModel([answer(idea())]))
    copy = idea(SUBJECTS[0].replace("old", "ancient"))
    model = FakeLanguageModel([answer(copy), answer(idea(SUBJECTS[2]))])
    result = make_idea(project, channel_of(project), DAY, model=model)
    assert result.manifest.idea is not None
    assert result.manifest.idea.idea == SUBJECTS[2]
    assert f"- {SUBJECTS[0]}" in model.asked[0].prompt
    hint = f"Your last idea was too similar to this earlier one, find another subject: {SUBJECTS[0]}"
    assert model.asked[1].prompt.endswith(hint)
    assert str(result.record.cost_usd) == "0.014000"
    assert len(result.record.effect_ids) == 2


def test_ideas_older_than_the_channel_looks_back_do_not_matter(make_project: MakeProject) -> None:
    ideas = {"provider": "anthropic", "model": "claude-sonnet-5-5", "avoid_days": 5}
    project = make_project(channels={"crafts": {"ideas": ideas}})
    make_idea(project, channel_of(project), DAY.replace(day=14), model=FakeLanguageModel([answer(idea())]))
    model = FakeLanguageModel([answer(idea())])
    make_idea(project, channel_of(project), DAY, model=model)
    assert len(model.asked) == 1


def test_content_that_cannot_get_an_idea_fails_and_says_why(make_project: MakeProject) -> None:
    project = make_project()
    model = FakeLanguageModel([answer(finish="refused", refusal="no")] * 2)
    with pytest.raises(PermanentError):
        make_idea(project, channel_of(project), DAY, model=model)
    row = content_row(project, ID)
    assert (row.state, row.last_good_state) == ("failed", "scripting")
    assert "the model refused: no" in str(row.error)


def test_a_channel_that_speaks_needs_a_narration(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"narration": {"provider": "edge", "voice": "en-GB-SoniaNeural"}}})
    model = FakeLanguageModel([answer(idea()), answer(idea(narration="Wet clay rises."))])
    result = make_idea(project, channel_of(project), DAY, model=model)
    assert result.manifest.idea is not None
    assert result.manifest.idea.narration == "Wet clay rises."
    assert "The narration must not be empty." in model.asked[1].prompt


def test_an_overlong_narration_is_retried_before_other_spending(
    make_project: MakeProject,
) -> None:
    project = make_project(channels={"crafts": {"narration": {"provider": "edge", "voice": "en-GB-SoniaNeural"}}})
    model = FakeLanguageModel([answer(idea(narration="clay " * 40)), answer(idea(narration="clay " * 39))])
    result = make_idea(project, channel_of(project), DAY, model=model)
    assert result.manifest.idea is not None
    assert len(result.manifest.idea.narration.split()) == 39
    assert model.asked[1].prompt.endswith("The narration must have at most 34 words; your last one had 40.")


def test_an_edited_caption_survives_a_second_run(make_project: MakeProject) -> None:
    from dayreel.services.reviewing.decide import decide

    project = make_project()
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel())
    reviewable(project)
    decide(project, ID, "edited", by="ana", via="cli", caption="My words")
    reviewable(project, video=b"again")
    assert content_row(project, ID).caption == "My words"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_calendar_idea_is_read_as_a_person_or_excel_writes_it(
    make_project: MakeProject, tmp_path: Path, encoding: str, ending: str
) -> None:
    project = calendar(make_project, tmp_path, (HEAD + ROW).replace("\n", ending), encoding=encoding)
    result = make_idea(project, channel_of(project), DAY, model=None)
    assert result.manifest.idea is not None
    assert result.manifest.idea.idea == "A heron stands in the reeds, still"
    assert result.manifest.idea.hashtags == ("#birds", "#reeds")
    assert result.manifest.idea.topic == "herons"
    assert (result.record.cost_usd, ledger_rows(project)) == (Decimal(0), [])
    assert make_idea(project, channel_of(project), DAY, model=None).reused


def test_a_row_that_was_edited_is_read_again(make_project: MakeProject, tmp_path: Path) -> None:
    project = calendar(make_project, tmp_path, HEAD + ROW)
    make_idea(project, channel_of(project), DAY, model=None)
    (tmp_path / "channels" / "days.csv").write_text(HEAD + ROW.replace("Grey heron", "Night heron"))
    result = make_idea(project, channel_of(project), DAY, model=None)
    assert (result.reused, content_row(project, ID).caption) == (False, "Night heron")


def test_a_row_too_long_to_speak_is_refused_before_any_purchase(make_project: MakeProject, tmp_path: Path) -> None:
    head, row = HEAD.replace("\n", ",narration\n"), ROW.replace("\n", ",{}\n")
    project = calendar(make_project, tmp_path, head + row.format("reeds " * 40))
    ideas = {"provider": "calendar", "file": "days.csv"}
    write_channel(project.settings.root, "crafts", ideas=ideas, narration={"voice": "en-GB-SoniaNeural"})
    with pytest.raises(ConfigurationError, match="40 words and at most 34 fit into the video") as raised:
        make_idea(project, channel_of(project), DAY, model=None)
    assert "1 to 34 words into its column `narration`" in raised.value.next_step
    (tmp_path / "channels" / "days.csv").write_text(head + row.format("Reeds and rain."))
    made = make_idea(project, channel_of(project), DAY, model=None)
    assert made.manifest.idea is not None
    assert made.manifest.idea.narration == "Reeds and rain."


CALENDARS: list[tuple[str, type[Exception], str]] = [
    (HEAD, ConfigurationError, "channels/days.csv has no rows for 2026-11-20"),
    (HEAD + ROW.replace("11-20", "11-21"), ConfigurationError, "has no rows for 2026-11-20"),
    (HEAD + ROW + ROW, ConfigurationError, "has 2 rows for 2026-11-20; there must be exactly one"),
    ("", ConfigurationError, "has no rows"),
    ("date;idea\n", ConfigurationError, "has no rows"),
    (HEAD + "2026-11-20,too short,Caption,,topic\n", ConfigurationError, "idea: String should have at least 10"),
    (HEAD + "2026-11-20,A heron stands in the reeds,,,t\n", ConfigurationError, "caption: String should have"),
    (HEAD + '2026-11-20,"A heron stands in the reeds\n', ConfigurationError, "caption"),
]


@pytest.mark.parametrize(("text", "error", "words"), CALENDARS, ids=lambda value: str(value)[-30:])
def test_a_calendar_that_cannot_be_used_says_what_to_write(
    make_project: MakeProject, tmp_path: Path, text: str, error: Any, words: str
) -> None:
    project = calendar(make_project, tmp_path, text)
    with pytest.raises(error, match=r"channels/|calendar") as raised:
        make_idea(project, channel_of(project), DAY, model=None)
    assert words in str(raised.value)


def test_a_missing_or_wrongly_encoded_calendar_is_reported(make_project: MakeProject, tmp_path: Path) -> None:
    project = calendar(make_project, tmp_path, HEAD + ROW.replace("heron", "Möwe"), encoding="latin-1")
    with pytest.raises(ConfigurationError, match=r"CSV file in UTF-8 with the columns day, idea, caption"):
        make_idea(project, channel_of(project), DAY, model=None)
    (tmp_path / "channels" / "days.csv").unlink()
    with pytest.raises(ConfigurationError, match=r"there is no .*channels/days\.csv.*first line is day,idea,"):
        make_idea(project, channel_of(project), DAY, model=None)


def test_a_title_without_a_font_is_refused_with_the_idea(make_project: MakeProject, tmp_path: Path) -> None:
    """What is filled into a hook is known with the idea; composing comes after everything was bought."""
    edit = {"hook": {"text": "{title}"}}
    project = make_project(channels={"crafts": {"edit": edit}})
    model = FakeLanguageModel([answer(idea(caption="Clay \ue000")), answer(idea())])
    assert not make_idea(project, channel_of(project), DAY, model=model).reused
    assert model.asked[1].prompt.endswith("Caption and topic must not hold these letters: \ue000")
    write_channel(tmp_path, "crafts", edit=edit, ideas={"provider": "calendar", "file": "days.csv"})
    (tmp_path / "channels" / "days.csv").write_text(HEAD + ROW.replace("Grey heron", "Grey \ue001"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"would show '.ue001' of the idea's caption"):
        make_idea(project, channel_of(project), DAY, model=None)


@pytest.mark.parametrize(("edit", "half"), [({}, "5.0"), ({"transition": {"duration_s": 0.5}}, "4.75")])
def test_a_channels_template_counts_with_seconds(
    make_project: MakeProject, tmp_path: Path, edit: dict[str, Any], half: str
) -> None:
    segments = {"count": 2, "duration_s": 5}
    project = make_project(channels={"crafts": {"segments": segments, "edit": edit, "content_type": "own"}})
    templates = tmp_path / "channels" / "templates" / "own"
    templates.mkdir(parents=True)
    (templates / "idea.md.j2").write_text("Turn after {{ total_s / 2 }} s of {{ total_s }} s.")
    model = FakeLanguageModel([answer(idea())])
    make_idea(project, channel_of(project), DAY, model=model)
    assert f"Turn after {half} s of {'10' if not edit else '9.5'} s." in model.asked[0].prompt
