"""What the desk's pages ask of files and the sandbox world again and again, kept between requests. What is shown is
`queries.queue`.

A final video and its idea are remembered by the video's hash, a channel as long as no channel file has changed.
Deciding reads them again.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from dayreel.errors import DayreelError
from dayreel.queries.rows import ContentRow
from dayreel.records import Records
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import FinalVideo, Idea
from dayreel.services.sandbox_world import running_preset

_REMEMBERED = 2000
_PRESET_S = 30
"""So long a page believes what the sandbox world was asked for another one."""


class QueueCache:
    """The answers of one desk's project."""

    def __init__(self, records: Records) -> None:
        """Prepare; nothing is read yet."""
        self._records = records
        self._made: OrderedDict[tuple[str, int, str], tuple[FinalVideo, Idea | None]] = OrderedDict()
        self._channels: dict[str, Channel] = {}
        self._stamp: tuple[tuple[str, int, int], ...] = ()
        self._preset: tuple[float, str | None] | None = None

    def preset(self) -> str | None:
        """Return how the sandbox world meets this project, see `running_preset`."""
        now = self._records.clock.monotonic()
        if self._preset is None or now >= self._preset[0] + _PRESET_S:
            self._preset = (now, running_preset(self._records.settings))
        return self._preset[1]

    def made(self, row: ContentRow) -> tuple[FinalVideo | None, Idea | None]:
        """Return a content's final video and its idea, None where there is none or its manifest cannot be read now."""
        if row.video_sha256 is None:
            return None, None
        key = (row.id, row.revision, row.video_sha256)
        known = self._made.get(key)
        if known is not None:
            return known
        try:
            manifest = self._records.contents.manifest(row.id)
        except DayreelError:
            return None, None  # the content's own page says what is wrong with it
        final = manifest.final_video
        if final is not None and final.file.sha256 == row.video_sha256:
            self._made[key] = (final, manifest.idea)
            while len(self._made) > _REMEMBERED:
                self._made.pop(next(iter(self._made)), None)
        return final, manifest.idea

    def channels(self) -> Callable[[str], Channel | None]:
        """Return what loads a channel for one page; every file is looked at once, for whether it has changed."""
        files = sorted(self._records.settings.channels_dir.glob("*.yaml"))
        stamp = tuple((file.name, *_stamp(file)) for file in files)
        if stamp != self._stamp:
            self._stamp, self._channels = stamp, {}
        known = self._channels

        def load(name: str) -> Channel | None:
            if name not in known:
                try:
                    known[name] = self._records.channels.load(name)
                except DayreelError:
                    return None
            return known[name]

        return load


def _stamp(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError:
        return (0, 0)
    return (facts.st_mtime_ns, facts.st_size)
