"""Shared folders that fail on purpose: every act of the queue on its disk is one numbered step."""

from collections.abc import Callable
from typing import Any

from dayreel.footage.stores.job_queue import QueueDisk
from tests.unit.stores.state.disks import CrashingDisk, FullDisk, SteppingDisk

WRITING = ("make_directory", "make_directories", "overwrite", "write_aside", "put", "settle")
"""The steps at which a file system may say that it is full."""


class SteppingQueueDisk(SteppingDisk, QueueDisk):
    """The real shared folder, counting the queue's acts too."""

    def make_directory(self, *args: Any) -> Any:
        return self._step("make_directory", super().make_directory, *args)

    def remove_directory(self, *args: Any) -> Any:
        return self._step("remove_directory", super().remove_directory, *args)

    def overwrite(self, *args: Any) -> Any:
        return self._step("overwrite", super().overwrite, *args)

    def changed_at(self, *args: Any) -> Any:
        return self._step("changed_at", super().changed_at, *args)

    def remove_tree(self, *args: Any) -> Any:
        return self._step("remove_tree", super().remove_tree, *args)


class CrashingQueueDisk(CrashingDisk, SteppingQueueDisk):
    """From the step on, nothing reaches the shared folder any more: what a kill looks like from outside."""


class FullQueueDisk(FullDisk, SteppingQueueDisk):
    """Answers "no space left on device", once."""


class InterruptedDisk(SteppingQueueDisk):
    """Just before the step, somebody else does something, start to end: any order of two can be had this way."""

    def __init__(self, at: int = 0) -> None:
        super().__init__(at)
        self.meanwhile: Callable[[], object] = lambda: None

    def _step(self, name: str, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        self.steps.append(name)
        if self.count == self.at:
            self.meanwhile()
        return act(*args, **kwargs)
