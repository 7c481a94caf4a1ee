"""Numbered places at which a process can be killed. The hooks are put in from outside; the product knows none of them.

A checkpoint lies just before and just after everything that another process or another machine could notice: a commit
to the catalog, the rename that gives a file its name (every manifest commit is one), an HTTP request, a block of an
upload. "After" a request means that the service has acted and its answer has not been read.
"""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tests.world.kill_matrix.plan import Kill

_ID = re.compile(r"[0-9a-zA-Z_.~-]*\d[0-9a-zA-Z_.~-]{5,}")
_VERSION = re.compile(r"/v\d+(\.\d+)?/")


class Checkpoints:
    """Counts the checkpoints that this process passes, and kills it at one of them.

    Args:
        kill: where to die; None nowhere.
        grave: where the name of that checkpoint is written first.
    """

    def __init__(self, *, kill: Kill | None, grave: Path) -> None:
        self.passed: list[str] = []
        self._kill = kill
        self._grave = grave
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        """Pass a checkpoint, or die at it."""
        with self._lock:
            self.passed.append(name)
            if self._kill is not None and self._kill.is_at(len(self.passed), name):
                self._grave.write_text(name, encoding="utf-8")
                os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put the hooks in. Only ever called in a process that was forked to be killed."""
        self._hook_commits()
        self._hook_renames()
        self._hook_requests()
        self._hook_uploads()

    def _hook_commits(self) -> None:
        from dayreel.stores.catalog.engine import Catalog

        write, reach = Catalog.write, self.reach

        @contextmanager
        def watched(self: Catalog, subject: str = "catalog") -> Iterator[Connection]:
            with write(self, subject) as connection:
                yield connection
                reach(f"before commit ({subject})")
            reach(f"after commit ({subject})")

        Catalog.write = watched  # type: ignore[method-assign]

    def _hook_renames(self) -> None:
        for name in ("replace", "rename"):
            real = getattr(os, name)

            def watched(source: Any, target: Any, *args: Any, _real: Callable[..., None] = real, **more: Any) -> None:
                what = re.sub(r"\d{3,}[\w-]*", "*", Path(os.fsdecode(target)).name)
                self.reach(f"before rename {what}")
                _real(source, target, *args, **more)
                self.reach(f"after rename {what}")

            setattr(os, name, watched)

    def _hook_requests(self) -> None:
        import httpx
        import httpx2
        from requests.adapters import HTTPAdapter

        for owner, name in (
            (HTTPAdapter, "send"),
            (httpx.HTTPTransport, "handle_request"),
            (httpx2.HTTPTransport, "handle_request"),
        ):
            real = getattr(owner, name)

            def watched(adapter: Any, request: Any, *args: Any, _real: Callable[..., Any] = real, **more: Any) -> Any:
                what = f"{request.method} {_route(str(request.url))}"
                self.reach(f"before {what}")
                answer = _real(adapter, request, *args, **more)
                self.reach(f"after {what}")
                return answer

            setattr(owner, name, watched)

    def _hook_uploads(self) -> None:
        from dayreel.providers.platforms.approved import FileSlice

        read, reach = FileSlice.read, self.reach

        def watched(self: FileSlice, size: int = -1) -> bytes:
            block = read(self, size)
            if block:
                reach("a block of an upload is read")
            return block

        FileSlice.read = watched  # type: ignore[method-assign]


def _route(url: str) -> str:
    path = re.sub(r"^https?://[^/]+", "", url).split("?", maxsplit=1)[0]
    kept = _VERSION.sub("/v*/", path)
    return "/".join(_ID.sub("*", part) for part in kept.split("/"))
