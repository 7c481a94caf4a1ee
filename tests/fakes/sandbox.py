"""A sandbox world on a free loopback port in a thread of the test process, for every test that talks HTTP.

with RunningSandbox(tmp_path) as sandbox:
    sandbox.arm("fal", "submit", "lose_answer")
    ...
    assert len(sandbox.effects()["generations"]) == 1

What tests ask of the world itself goes straight to it, between two requests; the vendors are spoken to over HTTP.
"""

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from unittest import mock

from dayreel.sandbox import clips
from dayreel.sandbox.credentials import SANDBOX_CREDENTIALS
from dayreel.sandbox.faults import Faults
from dayreel.sandbox.interactions import press
from dayreel.sandbox.presets import AUDITED
from dayreel.sandbox.server import SandboxServer, build_server
from dayreel.sandbox.world import SandboxWorld
from tests.fakes.clock import FakeClock

Answer = TypeVar("Answer")
DEADLINE_S = 60.0


class RunningSandbox:
    """A running world; use it as a context manager, or `start` and `stop` it to see what a restart keeps.

    Args:
        root: the world's folder; the same folder gives the same world again.
        code: which code it says it runs; None is this code.
        idle_exit_s: how long it stays when nobody calls; None for ever.
        clip: what every paid segment looks like, where no test is about what is in it; None renders each.
        preset: how it begins, see `dayreel.sandbox.presets`.
        pace: settings to change at once, such as `fal_render_s`, see `dayreel.sandbox.world`.
    """

    credentials = SANDBOX_CREDENTIALS

    def __init__(
        self,
        root: Path,
        *,
        pace: Mapping[str, float] | None = None,
        code: str | None = None,
        idle_exit_s: float | None = None,
        clip: Path | None = None,
        preset: str = AUDITED,
    ) -> None:
        self.root = root
        self._preset = preset
        self.url = ""
        self._pace = dict(pace or {})
        self._code = code
        self._idle_exit_s = idle_exit_s
        self._rendering = nullcontext() if clip is None else mock.patch.object(clips, "render", _copies(clip, root))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: SandboxServer | None = None
        self._thread: threading.Thread | None = None

    def start(self, *, port: int = 0) -> Self:
        """Listen; returns when it answers."""
        self._rendering.__enter__()
        is_ready = threading.Event()
        self._server, listener = build_server(
            self.root,
            port=port,
            idle_exit_s=self._idle_exit_s,
            ready=lambda _url: is_ready.set(),
            code=self._code,
            preset=self._preset,
        )
        self.url = self._server.url
        self._loop = asyncio.new_event_loop()
        serving = self._server.serve(sockets=[listener])
        self._thread = threading.Thread(target=_run, args=(self._loop, serving), daemon=True)
        self._thread.start()
        assert is_ready.wait(DEADLINE_S), "the sandbox world did not start"
        if self._pace:
            self.pace(**self._pace)
        return self

    def stop(self) -> None:
        """Stop listening; what it knows stays in its folder."""
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), "the sandbox world did not stop"
        self._rendering.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def arm(self, service: str, route: str, kind: str, times: int = 1, **more: Any) -> int:
        """Arm a fault and return its number; `more` is status, code, body, headers, seconds, bytes."""
        wish = {"service": service, "route": route, "kind": kind, "times": times, **more}
        return self._ask(lambda world: Faults(world).arm(wish).id)

    def clear_faults(self) -> None:
        """Disarm everything and let go of what was stuck."""
        self._ask(lambda world: Faults(world).clear())

    def services(self) -> list[str]:
        """Return what can be armed."""
        return self._ask(lambda world: list(world.services))

    def fired(self) -> list[dict[str, Any]]:
        """Return the faults that fired, oldest first."""
        return list(self._ask(lambda world: Faults(world).listing())["fired"])

    def effects(self) -> dict[str, Any]:
        """Return paid generations, live posts and messages as the vendors see them."""
        return self._ask(lambda world: world.effects(self.url))

    def press(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Press a button in one of the chats, see `dayreel.sandbox.interactions`."""
        return self._await(lambda world: press(world, wish))

    def advance(self, seconds: float) -> str:
        """Move the world's time and return its new moment."""
        return self._ask(lambda world: world.advance(seconds)).isoformat()

    def pace(self, **changes: Any) -> dict[str, Any]:
        """Change settings of the world and return them all."""
        return self._ask(lambda world: world.set_pace(changes))

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the world's clock: until the block ends only `advance` moves it, however busy this machine is."""
        assert self._server is not None
        world = self._server.world
        before = world.clock
        world.clock = FakeClock(before.now())
        yield
        world.clock = before

    def reset(self) -> None:
        """Make the world forget everything."""
        self._ask(lambda world: world.reset())

    def ask(self, question: Callable[[SandboxWorld], Answer]) -> Answer:
        """Ask the world itself something, or change it, between two requests."""
        return self._ask(question)

    def _ask(self, question: Callable[[SandboxWorld], Answer]) -> Answer:
        async def answer(world: SandboxWorld) -> Answer:
            return question(world)

        return self._await(answer)

    def _await(self, question: Callable[[SandboxWorld], Coroutine[Any, Any, Answer]]) -> Answer:
        assert self._server is not None
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(question(self._server.world), self._loop).result(DEADLINE_S)


def _copies(clip: Path, root: Path) -> Callable[[clips.ClipWish, Path], Path]:
    """Return what copies a clip for the world at `root`, and renders for others and where the picture is missing."""
    render = clips.render

    def copied(wish: clips.ClipWish, folder: Path) -> Path:
        if not wish.has_video or not folder.is_relative_to(root):
            return render(wish, folder)
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(clip, folder / f"{wish.key}.mp4"))

    return copied


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)
