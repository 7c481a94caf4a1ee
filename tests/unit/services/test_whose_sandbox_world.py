"""Whose sandbox world is used: this project's, of this code."""

import json
import os
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError
from dayreel.services.sandbox_world import dismiss_older, ensure_sandbox, find_sandbox
from dayreel.settings import Settings
from tests.fakes.sandbox import RunningSandbox


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, root=tmp_path)


def test_a_world_of_this_project_and_this_code_is_used(settings: Settings) -> None:
    with RunningSandbox(settings.sandbox_dir) as world:
        assert find_sandbox(settings) == world.url
        dismiss_older(settings, SystemClock())
        assert ensure_sandbox(settings, SystemClock()) == world.url


def test_a_world_of_another_project_is_not_taken_for_ours(settings: Settings, tmp_path: Path) -> None:
    settings.sandbox_dir.mkdir(parents=True)
    with RunningSandbox(tmp_path / "theirs") as world:
        (settings.sandbox_dir / "server.json").write_text(json.dumps({"url": world.url, "pid": 1}))
        assert find_sandbox(settings) is None
        dismiss_older(settings, SystemClock())
        assert world.effects()["posts"] == [], "it is theirs, and goes on"


def test_a_world_that_a_command_keeps_is_not_taken_away_from_it(settings: Settings) -> None:
    with RunningSandbox(settings.sandbox_dir, code="older"):
        assert find_sandbox(settings) is None
        with pytest.raises(ConfigurationError, match=rf"process {os.getpid()}\) runs other code .*dayreel up"):
            ensure_sandbox(settings, SystemClock())


def test_a_world_of_older_code_is_replaced_and_its_state_kept(settings: Settings) -> None:
    with RunningSandbox(settings.sandbox_dir, code="older", idle_exit_s=60, pace={"fal_render_s": 7}):
        dismiss_older(settings, SystemClock())
        with RunningSandbox(settings.sandbox_dir) as new:
            assert ensure_sandbox(settings, SystemClock()) == new.url
            assert new.pace()["fal_render_s"] == 7, "what it knew is still there"
