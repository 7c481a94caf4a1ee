"""A stage's code version follows the settings that decide about its result, and no others."""

from collections.abc import Callable
from typing import Any

import pytest

from dayreel.services.making.code_versions import code_versions
from dayreel.services.project import Project
from tests.fakes.project import channel_of, write_channel

MakeProject = Callable[..., Project]


def versions(project: Project) -> dict[str, str]:
    return code_versions(project.settings.channels_dir, channel_of(project))


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"ideas": {"provider": "anthropic", "model": "claude-opus-5-2"}}, {"ideas"}),
        ({"topic": "Another craft on {date}"}, {"ideas"}),
        ({"prompts": {"provider": "openai", "model": "gpt-6-terra"}}, {"prompts"}),
        ({"video": {"provider": "fal", "model": "fal-ai/another/text-to-video"}}, {"raw_segments"}),
        ({"brand": {"loudness_lufs": -16}}, {"final_video"}),
        ({"segments": {"count": 2}}, {"prompts", "raw_segments", "final_video"}),
        ({"edit": {"transition": {"kind": "slide"}}}, {"final_video"}),
        ({"edit": {}}, set()),
        ({"title": "Another title"}, set()),
        ({"make_at": "07:00", "publish_windows": ["10:00-12:00"]}, set()),
        (
            {"ideas": {"provider": "anthropic", "model": "claude-sonnet-5-5", "max_similarity": 50}},
            set(),
        ),
    ],
)
def test_a_setting_changes_the_stages_that_follow_it(
    make_project: MakeProject, change: dict[str, Any], stages: set[str]
) -> None:
    project = make_project()
    before = versions(project)
    write_channel(project.settings.root, "crafts", **change)
    assert changed(before, versions(project)) == stages


def test_in_points_change_the_version_of_own_segments(make_project: MakeProject) -> None:
    own = {"provider": "clips", "folder": "own", "model": None}
    project = make_project(channels={"crafts": {"video": own}})
    before = versions(project)
    assert before["raw_segments"] == "2-b9d82393"  # as it was before there was a choice: an update recreates nothing
    write_channel(project.settings.root, "crafts", video={**own, "in_points": "spread", "stills": False})
    assert versions(project) == before
    write_channel(project.settings.root, "crafts", video={**own, "in_points": "scene"})
    assert changed(before, versions(project)) == {"raw_segments"}


def test_a_template_of_ones_own_is_followed(make_project: MakeProject) -> None:
    project = make_project()
    before = versions(project)
    own = project.settings.channels_dir / "templates" / "crafts"
    own.mkdir(parents=True)
    (own / "prompts.md.j2").write_text("Write {{ segments.count }} prompts.")
    assert changed(before, versions(project)) == {"prompts"}


def test_versions_begin_with_the_codes_own(make_project: MakeProject) -> None:
    assert all(version.partition("-")[0].isdecimal() for version in versions(make_project()).values())
