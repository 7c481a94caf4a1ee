"""Nothing is bought for a video that could not be finished."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dayreel.errors import ConfigurationError, MediaError, StoreError
from dayreel.media import scenes
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.preflight import NO_SPACE_BYTES, preflight
from dayreel.services.project import Project
from dayreel.services.setting_up.examine import check_sources
from dayreel.services.upkeep.retry_content import reopen_refused
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows, write_channel

ID = "crafts-2026-11-20"
GONE = """
- {provider: anthropic, family: llm, model: gone, ends_on: 2026-11-19, replaced_by: [claude-haiku-5-5],
   source: its page, checked_on: 2026-11-01, price: {input_per_mtok_usd: 1, output_per_mtok_usd: 1}}
"""
PRICED = """
- {provider: fal, family: video, model: fal-ai/nobody, durations_s: [5], resolutions: [720p], source: its page,
   checked_on: 2026-11-01, price: {per_second_usd: 0.1}}
"""
MakeProject = Callable[..., Project]


def put_there(name: str) -> Callable[[Project], object]:
    """Return the way on of a file of the brand."""
    return lambda project: (project.settings.channels_dir / name).write_bytes(b"a picture")


def add_a_row(project: Project) -> None:
    (project.settings.root / "models.yaml").write_text(GONE + PRICED)


def choose_what_replaces_it(project: Project) -> None:
    write_channel(project.settings.root, "crafts", prompts={"provider": "anthropic", "model": "claude-haiku-5-5"})


@pytest.mark.parametrize(
    ("platform", "picture", "words"),
    [
        ("instagram", b"\x89PNG\r\n\x1a\n", "'cover.jpg' cannot be the cover on instagram: it is not JPEG"),
        ("youtube", b"\xff\xd8\xff" + bytes(2_000_000), "it has 2000003 bytes, and at most 2000000 are taken"),
    ],
    ids=["another format", "too large"],
)
def test_a_cover_that_is_not_taken_is_found_before_buying(
    make_project: MakeProject, platform: str, picture: bytes, words: str
) -> None:
    project = make_project(channels={"crafts": {"platforms": {platform: {"cover_file": "cover.jpg"}}}})
    (project.settings.channels_dir / "cover.jpg").write_bytes(picture)
    with pytest.raises(ConfigurationError, match=words):
        make_idea(project, channel_of(project), DAY, model=FakeLanguageModel())
    assert ledger_rows(project) == []
    (check,) = [
        check for check in check_sources(project.settings, project.channels.load_all()) if check.verdict == "fail"
    ]
    assert words in check.found


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"grade": {"file": "odd.txt"}}, r"edit.grade.file: .*it does not say LUT_3D_SIZE"),
        ({"music": {"folder": "tracks", "licence": "mine"}}, r"edit.music.folder: Looked for music in .*there is none"),
        (
            {"music": {"folder": "odd.txt", "licence": "mine"}},
            r"edit.music.folder: Looked for music in .*there is none",
        ),
        ({"music": {"file": "tracks", "licence": "mine"}}, r"edit.music.file: Opened .*it is a folder"),
        ({"end_card": {"picture": "odd.txt"}}, r"edit.end_card.picture: Opened the still .*it cannot be read"),
        ({"hook": {"text": "A \ue000"}}, "its hook or end card has .*no font has these letters"),
    ],
)
def test_an_edit_that_could_not_be_composed_is_found_first(
    make_project: MakeProject, edit: dict[str, Any], words: str
) -> None:
    project = make_project(channels={"crafts": {"edit": edit}})
    (project.settings.channels_dir / "odd.txt").write_text("<html>")
    (project.settings.channels_dir / "tracks").mkdir()
    (project.settings.channels_dir / "tracks" / "._slow.mp3").write_bytes(b"what a Mac leaves beside a file")
    with pytest.raises(ConfigurationError, match=words):
        preflight(project, channel_of(project))


def test_what_finds_scenes_has_to_be_there_first(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"provider": "clips", "folder": "own", "in_points": "scene", "model": None}
    project = make_project(channels={"crafts": {"video": own}})
    (project.settings.channels_dir / "own").mkdir()
    preflight(project, channel_of(project))
    monkeypatch.setattr(scenes, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"which is not installed; nothing was bought\. `pip install"):
        preflight(project, channel_of(project))
    checks = check_sources(project.settings, {"crafts": channel_of(project)})
    assert [check.name for check in checks if check.verdict == "fail"] == ["in-points of crafts"]


def test_in_points_are_for_own_footage_alone(make_project: MakeProject) -> None:
    made = {"provider": "fal", "model": "fal-ai/wan-25-preview/text-to-video", "in_points": "scene"}
    project = make_project(channels={"crafts": {"video": made}})
    with pytest.raises(ConfigurationError, match="`in_points` is for own footage"):
        channel_of(project)


def test_a_cover_after_the_end_is_refused_in_the_file(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"tiktok": {"privacy": "SELF_ONLY", "cover_at_s": 15}}}})
    with pytest.raises(ConfigurationError, match="after the end of a video of 15 s"):
        channel_of(project)


@pytest.mark.parametrize(
    ("changes", "words", "way_on"),
    [
        (
            {"brand": {"watermark": "logo.png"}},
            r"names '.*/channels/logo\.png' as its brand\.watermark.* Put it there",
            put_there("logo.png"),
        ),
        ({"brand": {"outro": "outro.mp4"}}, r"outro\.mp4' as its brand\.outro", put_there("outro.mp4")),
        (
            {"video": {"provider": "fal", "model": "fal-ai/nobody"}},
            r"'fal-ai/nobody' has no price.* Add a row to models\.yaml",
            add_a_row,
        ),
        (
            {"platforms": {"youtube": {"cover_file": "cover.png"}}},
            r"cover\.png' as its platforms\.youtube\.cover_file.* Put it there",
            lambda project: (project.settings.channels_dir / "cover.png").write_bytes(b"\x89PNG\r\n\x1a\n"),
        ),
        (
            {"prompts": {"provider": "anthropic", "model": "gone"}},
            "offered the model 'gone' until 2026-11-19; nothing was sent. Use claude-haiku-5-5 in the channel file",
            choose_what_replaces_it,
        ),
    ],
)
def test_preflight_reports_late_problems_before_buying_the_idea(
    make_project: MakeProject, changes: dict[str, Any], words: str, way_on: Callable[[Project], object]
) -> None:
    project = make_project(channels={"crafts": changes})
    (project.settings.root / "models.yaml").write_text(GONE)
    with pytest.raises(ConfigurationError, match=words):
        make_idea(project, channel_of(project), DAY, model=FakeLanguageModel())
    assert ledger_rows(project) == []
    assert content_row(project, ID).state == "failed"
    way_on(project)
    project = replace(project)  # a later command reads its files again
    reopen_refused(project, ID)
    make_idea(project, channel_of(project), DAY, model=FakeLanguageModel([answer(idea())]))
    assert content_row(project, ID).state == "scripting"


def test_nothing_is_bought_for_a_disk_that_could_not_hold_it(make_project: MakeProject) -> None:
    project = make_project()
    with pytest.raises(StoreError, match=r"3 MB are free at .* up to 500 .* nothing was bought\. Free some space"):
        preflight(project, channel_of(project), free_bytes=3_000_000)
    preflight(project, channel_of(project), free_bytes=NO_SPACE_BYTES)


def test_nothing_is_bought_when_the_chosen_ffmpeg_is_not_there(make_project: MakeProject) -> None:
    made = make_project()
    project = replace(made, settings=made.settings.model_copy(update={"ffmpeg": "/nowhere/ffmpeg"}))
    with pytest.raises(MediaError, match="'/nowhere/ffmpeg'"):
        make_idea(project, channel_of(project), DAY, model=FakeLanguageModel())
    assert ledger_rows(project) == []
