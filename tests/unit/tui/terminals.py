"""Driving the terminal in tests: what is on its screen as text, waiting for words on it, snapshots, fixed data."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.events import Callback, Idle, Key
from textual.message import Message
from textual.pilot import Pilot

from dayreel.queries.rows import ContentRow
from dayreel.schemas.content import CheckResult
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from dayreel.tui.app import DayreelTerminal
from tests.fakes.project import DAY, reviewable
from tests.fakes.rows import add_content, add_effect
from tests.waiting import WITHIN_S

SNAPSHOTS = Path(__file__).parent / "snapshots"
UPDATE = "UPDATE_SNAPSHOTS"
WAIT_S = WITHIN_S


class WatchedTerminal(DayreelTerminal):
    """A terminal that says when its screen has changed."""

    def __init__(self, project: Project, **wishes: Any) -> None:
        super().__init__(project, **wishes)
        self.changed = asyncio.Event()

    def post_display_hook(self) -> None:
        self.changed.set()


class Keyboard(Pilot[None]):
    """The keys of a terminal; each is pressed when everything that the one before asked for has been handled.

    The pilot's own way waits until the process uses no CPU time, which takes a busy machine a second a key.
    """

    def __init__(self, app: WatchedTerminal) -> None:
        super().__init__(app)
        self._handled = 0

    def handles(self, message: Message) -> None:
        """Hear of each message that a part of the terminal begins to handle."""
        self._handled += not isinstance(message, Callback | Idle)

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.app.post_message(Key(key, key if len(key) == 1 else None))
            before, left = -1, 1
            while left or before != self._handled:
                before = self._handled
                await self._wait_for_screen()
                parts = [self.app, *self.app.screen.walk_children(with_self=True)]
                left = sum(part.message_queue_size for part in parts)


Story = Callable[[WatchedTerminal, Keyboard], Awaitable[None]]


def no_player(path: Path) -> str:
    raise AssertionError(f"nobody asked to play {path}")


def terminal(project: Project, *, person: str = "alma", **wishes: Any) -> WatchedTerminal:
    """Return a terminal that looks twenty times a second, plays nothing and has no colour, unless asked otherwise."""
    return WatchedTerminal(project, person=person, **{"every_s": 0.05, "play": no_player, "colour": False, **wishes})


@asynccontextmanager
async def running(app: WatchedTerminal, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Keyboard]:
    """Run a terminal of this size, in characters; what it shows is laid out, and painted where a test reads it."""
    with (
        mock.patch.object(Compositor, "render_full_update", _unpainted),
        mock.patch.object(Compositor, "render_partial_update", _unpainted),
    ):
        keyboard = Keyboard(app)
        async with app.run_test(size=size, message_hook=keyboard.handles):
            yield keyboard


def _unpainted(compositor: Compositor, **_wishes: object) -> None:
    compositor._dirty_regions.clear()


def run(app: WatchedTerminal, story: Story) -> None:
    """Let a story happen in a terminal."""

    async def play() -> None:
        async with running(app) as keyboard:
            await story(app, keyboard)

    asyncio.run(play())


def text(app: DayreelTerminal) -> str:
    """Return what is on the screen, as text; a dialog lies over the screens behind it."""
    visible_screen_stack.set(app._background_screens)
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips()) + "\n"


async def until_so(app: WatchedTerminal, look: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Look whenever the screen changes until something is so; fail with `otherwise` when it never is."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while not look():
        app.changed.clear()
        waiting = [asyncio.ensure_future(event.wait()) for event in (app.changed, app._exception_event)]
        left_s = deadline - asyncio.get_running_loop().time()
        done, pending = await asyncio.wait(waiting, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        for waiter in pending:
            waiter.cancel()
        if app._exception is not None:
            raise app._exception
        assert done, otherwise()


async def until(app: WatchedTerminal, *words: str, gone: str | None = None) -> str:
    """Wait until these words are on the screen, and `gone` is not; return the screen."""

    def look() -> bool:
        shown = " ".join(text(app).replace("│", " ").split())
        return all(word in shown for word in words) and (gone is None or gone not in shown)

    await until_so(app, look, lambda: f"waited for {words}, gone {gone!r}; there is:\n{text(app)}")
    return text(app)


async def same_as_stored(
    app: WatchedTerminal, keyboard: Keyboard, name: str, *words: str, folder: Path = SNAPSHOTS
) -> None:
    """Wait for these words, then until the screen is the stored one; with the switch in the environment, store it."""
    path = folder / f"{name}.txt"
    await until(app, *words)
    if os.environ.get(UPDATE):
        await keyboard.pause(0.5)
        path.write_text(text(app), encoding="utf-8")
        return
    assert path.is_file(), f"there is no stored screen {name!r}: run once with {UPDATE}=1 and read what it stores"
    stored = path.read_text(encoding="utf-8")
    await until_so(
        app,
        lambda: text(app) == stored,
        lambda: f"the screen {name!r} has changed; {UPDATE}=1 stores it again:\n{text(app)}",
    )


# -- data ----------------------------------------------------------------------------------------------------------


def with_checks(project: Project) -> ContentRow:
    """Bring a content to its review, with two checks."""
    row = reviewable(project)
    final = project.contents.manifest(row.id).final_video
    assert final is not None
    checks = (
        CheckResult(name="duration", passed=True, value="15.0 s", expected="15 s", message="It lasts 15.0 s."),
        CheckResult(name="loudness", passed=False, value="-9", expected="-14", message="-9 LUFS, asked for -14."),
    )
    project.contents.update(row.id, final_video=final.model_copy(update={"checks": checks}))
    return row


def a_busy_day(project: Project) -> ContentRow:
    """Fill a project with contents in many states, one of them with an unknown effect."""
    row = with_checks(project)
    yesterday, before = DAY - timedelta(days=1), DAY - timedelta(days=2)
    refusal = "fal refused segment 1: the prompt was flagged."
    add_content(project.catalog, f"histories-{DAY}", "rendering", idea="The first clock of the town")
    add_content(project.catalog, f"crafts-{yesterday}", "posted", idea="A basket from one willow")
    add_content(project.catalog, f"histories-{yesterday}", "failed", error=refusal)
    add_content(project.catalog, f"crafts-{before}", "rejected", idea="A spoon, and another spoon")
    add_effect(project.catalog, row.id, sequence=2)
    rendering(project, f"histories-{DAY}")
    return row


def rendering(project: Project, content_id: str) -> None:
    """Let three segments be as far as they can be apart: complete, half way, queued."""
    for sequence in (1, 2, 3):
        fire(project, content_id, sequence, "start", progress=0, detail="queued at fal")
    for sequence, progress in ((1, 100), (2, 45)):
        fire(project, content_id, sequence, "progress", progress=progress, detail=f"{progress} %")
    fire(project, content_id, 1, "complete", progress=100, detail="5.0 s, 720x1280")
