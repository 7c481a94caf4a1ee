"""Hundreds of ways in which a post meets faults and deaths, on each platform: exactly one is live in the end."""

from collections.abc import Callable
from pathlib import Path

from dayreel.sandbox.clips import ClipWish, render
from tests.fakes.sandbox import RunningSandbox
from tests.unit.providers.platforms.posting import PLATFORMS, posts_after_many_faults

SEEDS = 300


def test_many_faults_and_deaths_make_one_post(tmp_path: Path, figure: Callable[[str], None]) -> None:
    video = render(ClipWish("a small reel", 1, width=480, height=832, duration_s=4), tmp_path)
    posts = []
    with RunningSandbox(tmp_path / "world") as sandbox:
        for seed in range(SEEDS):
            for name in PLATFORMS:
                sandbox.reset()
                posts.append(posts_after_many_faults(name, seed, sandbox, video))
    assert set(posts) == {1}
    figure(f"{len(posts):,} posts on their way, each live once")
