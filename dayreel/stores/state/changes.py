"""What a transaction changed, as JSON pointers (RFC 6901). Pure; the empty pointer means the whole document."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json

from dayreel.stores.state.strict_json import escape_pointer

MAX_PATHS: Final = 50
"""A record names at most this many places; a further entry then says how many there were."""


_SEPARATOR: Final = b',\n  "'  # between two top-level members, and nowhere else, in what `strict_json.encode` writes


def split_members(raw: bytes) -> list[bytes]:
    """Return the top-level members of a document as `strict_json.encode` writes it, each as `key": value`."""
    return raw.removesuffix(b"\n}\n").removeprefix(b'{\n  "').split(_SEPARATOR)


def changed_members(before: list[bytes], after: list[bytes]) -> list[str]:
    """Return what `changed_paths` does, from split documents; only the members that differ are parsed."""
    old, new = _parse(before, without=after), _parse(after, without=before)
    return changed_paths(old, new) or [f"/{escape_pointer(key)}" for key in new]


def _parse(members: list[bytes], *, without: list[bytes]) -> dict[str, Any]:
    differing = [member for member in members if member not in without and member != b"{}\n"]
    document: dict[str, Any] = from_json(b'{"' + b',"'.join(differing) + b"}") if differing else {}
    return document


def changed_paths(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """Return the places where `after` differs from `before` (None: there was nothing readable before).

    Deep inside an otherwise equal list or object, 1, 1.0 and true count as the same.
    """
    if before is None:
        return [""]
    pointers: list[str] = []
    _compare(before, after, "", pointers)
    if len(pointers) > MAX_PATHS:
        return [*pointers[:MAX_PATHS], f"... {len(pointers)} places in all"]
    return pointers


def _compare(before: Any, after: Any, pointer: str, pointers: list[str]) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        _compare_dicts(before, after, pointer, pointers)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new or type(old) is not type(new):
                _compare(old, new, f"{pointer}/{index}", pointers)
    else:
        pointers.append(pointer)


def _compare_dicts(before: dict[str, Any], after: dict[str, Any], pointer: str, pointers: list[str]) -> None:
    for key, new in after.items():
        if key not in before:
            pointers.append(f"{pointer}/{escape_pointer(key)}")
        elif (old := before[key]) != new or type(old) is not type(new):
            _compare(old, new, f"{pointer}/{escape_pointer(key)}", pointers)
    pointers.extend(f"{pointer}/{escape_pointer(key)}" for key in before if key not in after)
