"""Reading `channels/*.yaml`: which there are, `extends:`, validation in words. The shape: `schemas.channel`."""

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

from pydantic import ValidationError

from dayreel.errors import ConfigurationError, UsageError
from dayreel.schemas.channel import CHANNEL_ID, Channel, is_address
from dayreel.schemas.edit import EditSpec
from dayreel.schemas.posts import COVER_HASH, PictureCover, PostFields
from dayreel.stores.yaml_problems import VendorProblem, problem_of
from dayreel.yaml_documents import Problem, Unreadable, lines_of, parsed

MAX_EXTENDS = 5
# Read off the text, so that a file that is broken elsewhere is still known for the channel that it is.
_ID = re.compile(r"""^id:[ \t]*["']?([a-z][a-z0-9_]{1,40})["']?[ \t]*(?:#.*)?$""", re.MULTILINE)


class ChannelFiles:
    """The folder of channel files."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; nothing is read yet."""
        self.folder = folder
        self._ids: dict[str, tuple[tuple[int, int], str]] = {}

    def names(self) -> list[str]:
        """Return the channels' names, sorted: the `id` in each file, by default the file's own name.

        A file that starts with `_` is only there to be extended.
        """
        return sorted(self._paths())

    def _paths(self) -> dict[str, list[Path]]:
        paths: dict[str, list[Path]] = {}
        for path in sorted(self.folder.glob("*.yaml")):
            if not path.stem.startswith("_"):
                paths.setdefault(self._id_in(path), []).append(path)
        return paths

    def _id_in(self, path: Path) -> str:
        try:
            facts = path.stat()
            if not S_ISREG(facts.st_mode):  # a pipe would be waited for
                return path.stem
            stamp = (facts.st_mtime_ns, facts.st_size)
            known = self._ids.get(path.name)
            if known is None or known[0] != stamp:
                written = _ID.search(path.read_text(encoding="utf-8", errors="replace"))
                known = self._ids[path.name] = (stamp, written[1] if written else path.stem)
        except OSError:  # reading it as a channel says what is wrong
            return path.stem
        return known[1]

    def changed_at(self, name: str) -> datetime:
        """Return when a channel's own file was last written."""
        return datetime.fromtimestamp(self._paths()[name][0].stat().st_mtime, UTC)

    def load(self, name: str) -> Channel:
        """Read one channel.

        Raises:
            UsageError: there is no such channel; lists those that are.
            ConfigurationError: the file has problems; the message lists each with file, line and field.
        """
        if name not in self.names():
            raise UsageError(
                f"There is no channel {name!r}.",
                next_step=f"Channels are: {', '.join(self.names()) or 'none yet'}. A file that was renamed keeps its "
                f"channel with `id: {name}` in it.",
            )
        channel, problems = self._read(name)
        if channel is None:
            raise ConfigurationError(
                "\n".join([f"Read the file of channel {name!r}; it cannot be used:", *map(str, problems)]),
                next_step="`dayreel channels validate` checks every file.",
            )
        return channel

    def load_all(self) -> dict[str, Channel]:
        """Read every channel, by name, but for those of `left_out`.

        Raises:
            ConfigurationError: any other file has problems; the message lists all of them.
        """
        read = {name: self._read(name) for name in self.names()}
        problems = [str(problem) for _, faults in read.values() if not _is_left_out(faults) for problem in faults]
        if problems:
            raise ConfigurationError(
                "\n".join(["Read the channel files; some of them cannot be used:", *problems]),
                next_step="Fix them, then try again; nothing was done.",
            )
        return {name: channel for name, (channel, _) in read.items() if channel is not None}

    def load_readable(self) -> tuple[dict[str, Channel], dict[str, ConfigurationError]]:
        """Return the channels whose files can be read, by name, and what is wrong with each of the others."""
        channels: dict[str, Channel] = {}
        broken: dict[str, ConfigurationError] = {}
        for name in self.names():
            try:
                channels[name] = self.load(name)
            except ConfigurationError as error:
                broken[name] = error
        return channels, broken

    def left_out(self) -> dict[str, str]:
        """Return each channel that cannot be worked with because a vendor's package cannot be used, in a sentence.

        The file is as it should be, so the other channels go on without it.
        """
        read = {name: self._read(name)[1] for name in self.names()}
        return {
            name: f"Channel {name!r} is left out, nothing of it is made or posted: {'; '.join(map(str, faults))}"
            for name, faults in read.items()
            if _is_left_out(faults)
        }

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with any file; empty when all are fine."""
        return [problem for name in self.names() for problem in self._read(name)[1]]

    def oversights(self) -> list[Problem]:
        """Return what a person will have meant otherwise, in files that can be read: what they name is not there."""
        misnamed = [
            Problem(path.name, 1, "file", f"nobody reads it: a channel's file is called {path.stem}.yaml")
            for path in sorted(self.folder.glob("*.yml"))
        ]
        lost: list[Problem] = []
        for name in self.names():
            lines: dict[tuple[Any, ...], tuple[str, int]] = {}
            channel, _ = self._read(name, lines)
            for field, path in named_files(self.folder, channel).items() if channel else ():
                if not path.exists():
                    lost.append(Problem(*lines[tuple(field.split("."))], field, f"{path} is not there"))
        return misnamed + lost

    def _read(
        self, name: str, lines: dict[tuple[Any, ...], tuple[str, int]] | None = None
    ) -> tuple[Channel | None, list[Problem]]:
        """Read one file; where each of its fields was given is written into `lines`."""
        path, *others = self._paths()[name]
        if others:
            same = " and ".join(other.name for other in (path, *others))
            return None, [
                Problem(other.name, 1, "id", f"{same} are both channel {name!r}") for other in (path, *others)
            ]
        lines = {} if lines is None else lines
        try:
            document = self._merged(path, lines, depth=0)
        except Unreadable as error:
            return None, [error.problem]
        if isinstance(document.get("id"), str) and re.match(CHANNEL_ID, document["id"]) and document["id"] != name:
            where = lines[("id",)]
            return None, [Problem(*where, "id", f"write it as `id: {document['id']}`, on a line of its own")]
        try:
            channel = Channel.model_validate({**document, "name": name})
        except ValidationError as error:
            return None, [problem_of(Channel, path.name, lines, fault) for fault in error.errors(include_url=False)]
        covers = {platform: with_cover_hash(self.folder, own) for platform, own in channel.platforms.chosen().items()}
        platforms = channel.platforms.model_copy(update={"root": covers})
        return channel.model_copy(update={"platforms": platforms}), []

    def _merged(self, path: Path, lines: dict[tuple[Any, ...], tuple[str, int]], *, depth: int) -> dict[str, Any]:
        node, document = parsed(path)
        parent = document.pop("extends", None)
        if parent is not None:
            if depth >= MAX_EXTENDS:
                raise Unreadable(path.name, 1, f"more than {MAX_EXTENDS} files extend one another")
            base = self.folder / f"{parent}.yaml"
            if not base.is_file():
                message = f"there is no {base.name} beside it; write the name of a file there, without .yaml"
                raise Unreadable(path.name, dict(lines_of(node))["extends",], message, field="extends")
            extended = self._merged(base, lines, depth=depth + 1)
            extended.pop("id", None)  # what is extended is another channel
            document = _merge(extended, document)
        lines.update({where: (path.name, line) for where, line in lines_of(node)})
        return document


def _is_left_out(problems: list[Problem]) -> bool:
    return bool(problems) and all(isinstance(problem, VendorProblem) for problem in problems)


def with_cover_hash(folder: Path, fields: PostFields) -> PostFields:
    """Return the fields of a post with the hash of their cover's bytes, so that an approval is for those.

    As they are where there is no such file: `named_files` finds that out.
    """
    if not isinstance(fields, PictureCover) or fields.cover_path is None:
        return fields
    try:
        facts = (folder / fields.cover_path).stat()
        sha256 = _sha256_of(folder / fields.cover_path, facts.st_mtime_ns, facts.st_size)
    except OSError:
        return fields
    return fields.model_copy(update={"cover_file": f"{fields.cover_path}{COVER_HASH}{sha256}"})


@lru_cache(maxsize=500)
def _sha256_of(path: Path, _changed_at_ns: int, _size_bytes: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_files(folder: Path, channel: Channel) -> dict[str, Path]:
    """Return every file and folder that a channel names, by its field, whether it is there or not."""
    named = {
        "ideas.file": channel.ideas.file,
        "video.folder": channel.video.folder,
        **{f"video.{field}": path for field, path in channel.video.pictures.items() if not is_address(path)},
        **{
            f"platforms.{platform}.cover_file": fields.cover_path
            for platform, fields in channel.platforms.chosen().items()
            if isinstance(fields, PictureCover)
        },
        "brand.watermark": channel.brand.watermark,
        "brand.intro": channel.brand.intro,
        "brand.outro": channel.brand.outro,
        **_edit_files(channel.edit),
    }
    return {field: folder / part for field, part in named.items() if part is not None}


def _edit_files(edit: EditSpec) -> dict[str, str | None]:
    music, grade, card = edit.music, edit.grade, edit.end_card
    return {
        "edit.music.file": music.file if music else None,
        "edit.music.folder": music.folder if music else None,
        "edit.grade.file": grade.file if grade else None,
        "edit.end_card.picture": card.picture if card else None,
    }


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay `over` on `base`: mappings are merged, everything else is replaced; null takes a field away."""
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _merge(merged[key], value)
        else:
            merged[key] = value
    return merged
