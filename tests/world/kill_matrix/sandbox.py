"""A sandbox world in a process of its own, for one worker: reset between scenarios, its clip rendered once.

Every job gets the same clip, linked into place, so that no scenario waits for ffmpeg; everything else is the sandbox
world as it is.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import requests

from dayreel.sandbox import clips
from dayreel.sandbox.presets import AUDITED
from dayreel.sandbox.server import build_server
from tests.world.kill_matrix.faults import Row

Document = dict[str, Any]


class WorldProcess:
    """One world; a context manager.

    Args:
        root: its folder.
        cache: the folder of the rendered clip, shared with other workers.
    """

    def __init__(self, root: Path, cache: Path) -> None:
        self._root = root
        self._cache = cache
        self._pid = 0
        self.url = ""

    def __enter__(self) -> Self:
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _serve(self._root, self._cache, writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            self.url = pipe.readline().strip()
        assert self.url, "the sandbox world did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def begin(self, *, seconds: float, faults: Iterable[Row]) -> None:
        """Forget everything, then set the pace and arm faults."""
        self._ask("POST", "/_world/reset", {})
        pace = ("fal_queue_s", "fal_render_s", "instagram_processing_s", "tiktok_processing_s", "youtube_processing_s")
        self._ask("POST", "/_world/pace", {**dict.fromkeys(pace, seconds), "tiktok_public_id_s": seconds})
        self.arm(faults)

    def arm(self, faults: Iterable[Row]) -> None:
        """Arm faults."""
        for row in faults:
            self._ask("POST", "/_world/faults", dict(row.wish))

    def fired(self) -> list[tuple[str, str, str]]:
        """Return what fired since faults were last cleared: service, route, kind."""
        return [(row["service"], row["route"], row["kind"]) for row in self._ask("GET", "/_world/faults")["fired"]]

    def mend(self) -> None:
        """Disarm every fault, and let go of what was stuck."""
        self._ask("DELETE", "/_world/faults")

    def effects(self) -> Document:
        """Return what the vendors' own dashboards would show."""
        return self._ask("GET", "/_world/effects")

    def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        answer = requests.request(method, self.url + path, json=body, timeout=120)
        assert answer.ok, answer.text
        return dict(answer.json())


def _serve(root: Path, cache: Path, writing: int) -> None:
    """Be the world until killed, or until the worker has gone."""
    clips.render = with_one_clip(cache)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()

    def ready(url: str) -> None:
        os.write(writing, f"{url}\n".encode())
        os.close(writing)

    server, listener = build_server(root, ready=ready, preset=AUDITED)
    try:
        asyncio.run(server.serve(sockets=[listener]))
    finally:
        os._exit(0)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


class Render(Protocol):
    """What `clips.render` is."""

    def __call__(self, wish: clips.ClipWish, folder: Path) -> Path: ...


def with_one_clip(cache: Path) -> Render:
    """Return what `clips.render` can be replaced by, so that all jobs share one clip, kept in `cache`."""
    render = clips.render

    def shared(wish: clips.ClipWish, folder: Path) -> Path:
        final = folder / f"{wish.key}.mp4"
        if not final.exists():
            made = render(replace(wish, prompt="a clip", seed=1), cache)
            folder.mkdir(parents=True, exist_ok=True)
            beside = folder / f".{wish.key}.{threading.get_ident()}"
            os.link(made, beside)
            beside.replace(final)
        return final

    return shared
