"""Disks that fail on purpose, handed to `PipelineState(disk=)`: every act of a commit is one numbered step."""

import errno
import os
import signal
from collections.abc import Callable
from typing import Any

from dayreel.stores.state import Disk

STEPS = [
    "read",
    "make_directories",
    "link",
    "write_aside",
    "put",
    "settle",
    "settle_existing",
    "settle_directory",
    "replace",
    "append",
    "sign",
    "remove",
    "names",
    "is_same_file",
]


class SteppingDisk(Disk):
    """The real disk, counting its acts; `trip` is called instead of, or around, act number `at`.

    Args:
        at: which act, from 1; 0 never trips.
        half: whether a writing act puts half of its bytes down before it trips.
    """

    def __init__(self, at: int = 0, *, half: bool = False, durable: bool = False) -> None:
        super().__init__(durable=durable)
        self.at = at
        self.half = half
        self.count = 0
        self.steps: list[str] = []

    def trip(self) -> None:
        raise NotImplementedError

    def _step(self, name: str, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        self.steps.append(name)
        if self.count == self.at:
            if self.half and name == "put":
                os.write(args[0], args[1][: len(args[1]) // 2])
            if self.half and name == "sign":
                os.pwrite(args[0], args[1][: len(args[1]) // 2], args[2])
            if name == "settle":
                os.close(args[0])
            self.trip()
        return act(*args, **kwargs)


def _counted(name: str) -> Callable[..., Any]:
    def act(self: SteppingDisk, *args: Any, **kwargs: Any) -> Any:
        return self._step(name, getattr(super(SteppingDisk, self), name), *args, **kwargs)

    return act


for _name in STEPS:
    setattr(SteppingDisk, _name, _counted(_name))


class KillingDisk(SteppingDisk):
    """Kills the process, with no chance to tidy up."""

    def trip(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class FullDisk(SteppingDisk):
    """Answers "no space left on device", once."""

    def trip(self) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Crash(BaseException):
    """Stands for the end of the process where a test needs to stay in it."""


class CrashingDisk(SteppingDisk):
    """From the step on, nothing reaches the disk any more: what a crash looks like from outside."""

    def trip(self) -> None:
        raise Crash

    def _step(self, name: str, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self.at and self.count >= self.at:
            raise Crash
        return super()._step(name, act, *args, **kwargs)
