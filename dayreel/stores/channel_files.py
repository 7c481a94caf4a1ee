"""Reading `channels/*.yaml`: YAML with line numbers, `extends:`, validation in words. The shape: `schemas.channel`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from dayreel.errors import ConfigurationError, UsageError
from dayreel.schemas.channel import Channel

MAX_EXTENDS = 5


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one channel file; `line` is 1-based, 0 where there is none."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        """Return it as `file:line: field: message`."""
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class _Unreadable(Exception):  # noqa: N818  never leaves this module
    """A file that is no channel file at all, and where."""

    def __init__(self, file: str, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(file, line, "file", message)


class _Loader(yaml.SafeLoader):
    """PyYAML's, where a value that cannot exist (2026-13-45) keeps its place in the file."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


class ChannelFiles:
    """The folder of channel files."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; nothing is read yet."""
        self.folder = folder

    def names(self) -> list[str]:
        """Return the channels' names, sorted. A file that starts with `_` is only there to be extended."""
        return sorted(path.stem for path in self.folder.glob("*.yaml") if not path.stem.startswith("_"))

    def load(self, name: str) -> Channel:
        """Read one channel.

        Raises:
            UsageError: there is no such channel; lists those that are.
            ConfigurationError: the file has problems; the message lists each with file, line and field.
        """
        if name not in self.names():
            raise UsageError(
                f"There is no channel {name!r}.", next_step=f"Channels are: {', '.join(self.names()) or 'none yet'}."
            )
        channel, problems = self._read(name)
        if channel is None:
            raise ConfigurationError(
                "\n".join(str(problem) for problem in problems),
                next_step="`dayreel channels validate` checks every file.",
            )
        return channel

    def load_all(self) -> dict[str, Channel]:
        """Read every channel, by name.

        Raises:
            ConfigurationError: any file has problems; the message lists all of them.
        """
        read = {name: self._read(name) for name in self.names()}
        problems = [str(problem) for _, found in read.values() for problem in found]
        if problems:
            raise ConfigurationError("\n".join(problems), next_step="Mend the files, then try again; nothing was done.")
        return {name: channel for name, (channel, _) in read.items() if channel is not None}

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with any file; empty when all are fine."""
        return [problem for name in self.names() for problem in self._read(name)[1]]

    def _read(self, name: str) -> tuple[Channel | None, list[Problem]]:
        path = self.folder / f"{name}.yaml"
        lines: dict[tuple[Any, ...], tuple[str, int]] = {}
        try:
            document = self._merged(path, lines, depth=0)
        except _Unreadable as error:
            return None, [error.problem]
        try:
            return Channel.model_validate({**document, "name": name}), []
        except ValidationError as error:
            return None, [_problem(path.name, lines, fault) for fault in error.errors(include_url=False)]

    def _merged(self, path: Path, lines: dict[tuple[Any, ...], tuple[str, int]], *, depth: int) -> dict[str, Any]:
        node, document = _parsed(path)
        parent = document.pop("extends", None)
        if parent is not None:
            if depth >= MAX_EXTENDS:
                raise _Unreadable(path.name, 1, f"more than {MAX_EXTENDS} files extend one another")
            document = _merge(self._merged(self.folder / f"{parent}.yaml", lines, depth=depth + 1), document)
        lines.update({where: (path.name, line) for where, line in _lines(node)})
        return document


def _parsed(path: Path) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return a file as nodes, which know their lines, and as values."""
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        document: dict[str, Any] = loader.construct_document(node) if node is not None else {}
    except (OSError, UnicodeDecodeError) as error:
        raise _Unreadable(path.name, 0, f"{path.name} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or "cannot be read as YAML"
        raise _Unreadable(path.name, mark.line + 1 if mark else 0, str(said)) from error
    if not isinstance(node, yaml.MappingNode):
        raise _Unreadable(path.name, 1, f"{path.name} is no mapping of fields to values")
    _refuse_repeated_keys(node, path.name)
    return node, document


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


def _lines(node: yaml.Node, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int]]:
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*where, key.value), key.start_mark.line + 1
            yield from (
                (spot, line) for spot, line in _lines(value, (*where, key.value)) if spot != (*where, key.value)
            )
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*where, index))


def _refuse_repeated_keys(node: yaml.MappingNode, file: str) -> None:
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise _Unreadable(file, key.start_mark.line + 1, f"{key.value!r} is given twice")
        seen.add(key.value)
        if isinstance(value, yaml.MappingNode):
            _refuse_repeated_keys(value, file)


def _problem(file: str, lines: dict[tuple[Any, ...], tuple[str, int]], fault: Any) -> Problem:
    where = tuple(fault["loc"])
    spot = where
    while spot and spot not in lines:
        spot = spot[:-1]
    origin, line = lines.get(spot, (file, 0))
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = f"unknown field; allowed here: {', '.join(_allowed(where[:-1]))}"
    return Problem(origin, line, ".".join(str(part) for part in where) or "file", message)


def _allowed(where: tuple[Any, ...]) -> list[str]:
    """Return the field names that the schema knows at `where`."""
    schema = Channel.model_json_schema()
    node: dict[str, Any] = schema
    for part in where:
        node = _resolve(schema, node.get("properties", {}).get(str(part), {}))
    return sorted(name for name in node.get("properties", {}) if name != "name")


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for option in (node, *node.get("anyOf", ()), *node.get("allOf", ())):
        if "$ref" in option:
            found: dict[str, Any] = schema["$defs"][option["$ref"].rsplit("/", 1)[-1]]
            return found
    return node
