"""Reading YAML that people write: values with their line numbers.

What does not fit a shape is said by `stores.yaml_problems`; which files there are is their readers'.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one file; `line` is 1-based, 0 where there is none."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        """Return it as `file:line: field: message`."""
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


MOST_VALUES = 20_000
"""A channel has a few dozen values; a hand-written plan of own footage, a few hundred."""
# What a plain scalar is read as, where PyYAML's own YAML 1.1 has surprises: tag, pattern, first characters.
_READ_OTHERWISE = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789"),
)


class Unreadable(Exception):  # noqa: N818  its reader turns it into a problem
    """A file that cannot be read as a mapping at all, and where."""

    def __init__(self, file: str, line: int, message: str, *, field: str = "file") -> None:
        self.problem = Problem(file, line, field, message)
        super().__init__(str(self.problem))


if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = object


class _Reading(_Base):
    """What both loaders add: a value that cannot exist (2026-13-45) keeps its place in the file.

    Of YAML 1.1 they leave out that 18:30 is the number 1110, and that no, off, yes and on are not words: people write
    times and languages. A field that is true or false takes the words all the same.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  PyYAML's own shape
        first: [resolver for resolver in resolvers if resolver[0] not in {tag for tag, _, _ in _READ_OTHERWISE}]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


class _Loader(_Reading, yaml.SafeLoader):
    """PyYAML's own, which finds the better words for what is wrong."""


class _QuickLoader(_Reading, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """libyaml's, which takes a ninth of the time."""


for _loader in (_Loader, _QuickLoader):
    for _tag, _pattern, _first in _READ_OTHERWISE:
        _loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list(_first))


def _loaded(text: str, kind: type[_Reading]) -> tuple[yaml.Node | None, Any]:
    loader = kind(text)
    node = loader.get_single_node()
    if node is None:
        return None, {}
    if _count_values(node, {}) > MOST_VALUES:
        problem = f"its aliases repeat values until there are more than {MOST_VALUES} of them; write out what is meant"
        raise yaml.composer.ComposerError(None, None, problem, node.start_mark)
    return node, loader.construct_document(node)


def _count_values(node: yaml.Node, counted: dict[int, float]) -> float:
    """Return how many values a document has once its aliases are followed; endless where one contains itself.

    An alias is the same node again, so each is counted once: nine lines can stand for a billion values, and every later
    reader follows them all.
    """
    if id(node) not in counted:
        counted[id(node)] = math.inf
        parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
        nested = parts if isinstance(node, yaml.CollectionNode) else ()
        counted[id(node)] = 1 + sum(_count_values(part, counted) for part in nested)
    return counted[id(node)]


def read_yaml(path: Path) -> tuple[yaml.Node | None, Any]:
    """Return a file as nodes, which know their lines, and as values.

    Raises:
        Unreadable: it is not there, is not YAML, or its aliases make it too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise Unreadable(path.name, 1, f"{path.name} is not a file")
        text = path.read_text(encoding="utf-8")
        try:
            return _loaded(text, _QuickLoader)
        except yaml.YAMLError:
            return _loaded(text, _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(path.name, 1, f"{path.name} cannot be read: {error}") from error
    except RecursionError as error:
        raise Unreadable(path.name, 1, "its values are nested too deep to be read") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "cannot be read as YAML"
        raise Unreadable(path.name, mark.line + 1 if mark else 1, str(problem)) from error


def parsed(path: Path) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """Return a file that maps fields to values, as `read_yaml` does.

    Raises:
        Unreadable: it is something else, or a field is given twice.
    """
    node, document = read_yaml(path)
    if not isinstance(node, yaml.MappingNode):
        raise Unreadable(path.name, 1, f"{path.name} is not a mapping of fields to values")
    _refuse_repeated_keys(node, path.name)
    return node, document


def lines_of(node: yaml.Node, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Yield where each value is in the document, and its line (1-based)."""
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*where, key.value), key.start_mark.line + 1
            yield from (
                (spot, line) for spot, line in lines_of(value, (*where, key.value)) if spot != (*where, key.value)
            )
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from lines_of(value, (*where, index))


def _refuse_repeated_keys(node: yaml.MappingNode, file: str) -> None:
    seen: set[str] = set()
    for key, value in node.value:
        if key.value in seen:
            raise Unreadable(file, key.start_mark.line + 1, f"{key.value!r} is given twice")
        seen.add(key.value)
        if isinstance(value, yaml.MappingNode):
            _refuse_repeated_keys(value, file)
