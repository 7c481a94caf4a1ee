"""A sandbox world on a free loopback port in a thread of the test process, for every test that talks HTTP.

with RunningSandbox(tmp_path) as sandbox:
    sandbox.arm("fal", "submit", "lose_answer")
    ...
    assert len(sandbox.effects()["generations"]) == 1
"""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from dayreel.sandbox.credentials import SANDBOX_CREDENTIALS
from dayreel.sandbox.server import SandboxServer, build_server


class RunningSandbox:
    """A running world; use it as a context manager, or `start` and `stop` it to see what a restart keeps.

    Args:
        root: the world's folder; the same folder gives the same world again.
        code: which code it says it runs; None is this code.
        idle_exit_s: how long it stays when nobody calls; None for ever.
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
    ) -> None:
        self.root = root
        self.url = ""
        self._pace = dict(pace or {})
        self._code = code
        self._idle_exit_s = idle_exit_s
        self._server: SandboxServer | None = None
        self._thread: threading.Thread | None = None

    def start(self, *, port: int = 0) -> Self:
        """Listen; returns when it answers."""
        is_ready = threading.Event()
        self._server, listener = build_server(
            self.root, port=port, idle_exit_s=self._idle_exit_s, ready=lambda _url: is_ready.set(), code=self._code
        )
        self.url = self._server.url
        serving = self._server.serve(sockets=[listener])
        self._thread = threading.Thread(target=asyncio.run, args=(serving,), daemon=True)
        self._thread.start()
        assert is_ready.wait(10), "the sandbox world did not start"
        if self._pace:
            self.pace(**self._pace)
        return self

    def stop(self) -> None:
        """Stop listening; what it knows stays in its folder."""
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive(), "the sandbox world did not stop"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def arm(self, service: str, route: str, kind: str, times: int = 1, **more: Any) -> int:
        """Arm a fault and return its number; `more` is status, code, body, headers, seconds, bytes."""
        wish = {"service": service, "route": route, "kind": kind, "times": times, **more}
        return int(self._post("/_world/faults", wish)["armed"])

    def clear_faults(self) -> None:
        """Disarm everything and let go of what was stuck."""
        requests.delete(self.url + "/_world/faults", timeout=10).raise_for_status()

    def fired(self) -> list[dict[str, Any]]:
        """Return the faults that fired, oldest first."""
        return list(self._get("/_world/faults")["fired"])

    def effects(self) -> dict[str, Any]:
        """Return paid generations, live posts and messages as the vendors see them."""
        return self._get("/_world/effects")

    def advance(self, seconds: float) -> str:
        """Move the world's time and return its new moment."""
        return str(self._post("/_world/clock", {"advance_s": seconds})["now"])

    def pace(self, **changes: float) -> dict[str, Any]:
        """Change settings of the world and return them all."""
        return self._post("/_world/pace", changes)

    def reset(self) -> None:
        """Make the world forget everything."""
        self._post("/_world/reset", {})

    def _get(self, path: str) -> dict[str, Any]:
        answer = requests.get(self.url + path, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(self.url + path, json=body, timeout=10)
        assert answer.ok, answer.text
        return dict(answer.json())
