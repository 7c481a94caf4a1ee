"""Nothing is bought for a video that could not be finished."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dayreel.errors import ConfigurationError, MediaError, StoreError
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.preflight import NO_SPACE_BYTES, preflight
from dayreel.services.project import Project
from tests.fakes.language_model import FakeLanguageModel
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows

ID = "crafts-2026-11-20"
GONE = """
- {provider: anthropic, family: llm, model: gone, ends_on: 2026-11-19, replaced_by: [claude-haiku-5-5],
   source: its page, checked_on: 2026-11-01, price: {input_per_mtok_usd: 1, output_per_mtok_usd: 1}}
"""
MakeProject = Callable[..., Project]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"brand": {"watermark": "logo.png"}}, r"names '.*/channels/logo\.png' as its brand\.watermark"),
        ({"brand": {"outro": "outro.mp4"}}, r"outro\.mp4' as its brand\.outro"),
        ({"video": {"provider": "fal", "model": "fal-ai/nobody"}}, "'fal-ai/nobody' has no price"),
        (
            {"prompts": {"provider": "anthropic", "model": "gone"}},
            "offered the model 'gone' until 2026-11-19; nothing was sent. Use claude-haiku-5-5 in the channel file",
        ),
    ],
)
def test_preflight_reports_late_problems_before_buying_the_idea(
    make_project: MakeProject, changes: dict[str, Any], words: str
) -> None:
    project = make_project(channels={"crafts": changes})
    (project.settings.root / "models.yaml").write_text(GONE)
    with pytest.raises(ConfigurationError, match=words):
        make_idea(project, channel_of(project), DAY, model=FakeLanguageModel())
    assert ledger_rows(project) == []
    assert content_row(project, ID).state == "failed"


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
