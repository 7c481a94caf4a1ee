"""JSON without surprises: what is written can be read back unchanged, what is read means one thing only.

`encode` and `decode` are pure and know nothing of files. A document that this module would write in exactly the same
bytes cannot contain a duplicate key, NaN, a byte order mark or anything else that is ambiguous, so `decode` first tries
that cheap test; only a document in another form (edited by hand, say) goes through the slow reader, which says where
and what is wrong.
"""

import hashlib
import json
import math
import re
import sys
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from pydantic_core import from_json, to_json

from dayreel.stores.state.errors import Position, StateReadError, StateValidationError

MAX_DEPTH: Final = 64
MAX_SIZE_BYTES: Final = 16 * 1024 * 1024

_INDENT: Final = 2
_TOO_DEEP: Final = b"\n" + b" " * (_INDENT * MAX_DEPTH + 1)
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^\s\[\]{},:"]+', re.DOTALL)
_KEY_ENDS: Final = re.compile(r"\s*:")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_BOMS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def encode(data: object, *, max_size_bytes: int = MAX_SIZE_BYTES) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of `data` and what reading them back gives, which is equal to `data` and shares nothing with it.

    Raises:
        StateValidationError: `data` is not a dictionary of plain JSON values, or is too deep or too large.
    """
    if not isinstance(data, dict):
        _refuse("", f"the document must be a dict, not {type(data).__name__}")
    try:
        raw = to_json(data, indent=_INDENT, inf_nan_mode="constants") + b"\n"
        back: dict[str, Any] = from_json(raw, allow_inf_nan=False)
        unchanged = back == data
    except (ValueError, TypeError, RecursionError) as error:
        _refuse(*(_first_foreign(data, "", 1) or ("", str(error))))
    if not unchanged:
        _refuse(*(_first_foreign(data, "", 1) or ("", "reading it back gives something else")))
    if _TOO_DEEP in raw:
        _refuse("", f"it is nested deeper than {MAX_DEPTH} levels")
    if len(raw) > max_size_bytes:
        _refuse("", f"it would take {len(raw)} bytes, and {max_size_bytes} is the limit")
    return raw, back


def decode(raw: bytes) -> dict[str, Any]:
    """Return the document in `raw`.

    Raises:
        StateReadError: `raw` is empty, not UTF-8, not JSON, ambiguous, too deep, or not an object; with the position.
    """
    return decode_and_report(raw)[0]


def decode_and_report(raw: bytes) -> tuple[dict[str, Any], bool]:
    """Return what `decode` does, and whether `raw` is in the form that `encode` writes."""
    try:
        quick = from_json(raw, allow_inf_nan=False)
        is_canonical = isinstance(quick, dict) and _is_canonical(raw, quick)
    except (ValueError, RecursionError):
        is_canonical = False  # the slow reader finds out why, and where
    return (quick if is_canonical else _decode_slowly(raw)), is_canonical


def _is_canonical(raw: bytes, document: Mapping[str, Any]) -> bool:
    return _TOO_DEEP not in raw and to_json(document, indent=_INDENT, inf_nan_mode="constants") + b"\n" == raw


def digest(raw: bytes) -> str:
    """Return the SHA-256 of `raw` in hexadecimal, as `sha256sum` prints it."""
    return hashlib.sha256(raw).hexdigest()


def _refuse(pointer: str, why: str) -> NoReturn:
    place = f" at {pointer!r}" if pointer else ""
    raise StateValidationError(
        f"Tried to write a document that could not be read back unchanged{place}: {why}.",
        next_step="Nothing was written; put plain JSON values there (model_dump(mode='json') makes them).",
    )


def _first_foreign(value: object, pointer: str, depth: int) -> tuple[str, str] | None:
    """Return pointer and reason of the first value in `value` that JSON cannot hold as it is."""
    if depth > MAX_DEPTH:
        return pointer, f"it is nested deeper than {MAX_DEPTH} levels (or contains itself)"
    if isinstance(value, dict):
        return _first_foreign_in_dict(value, pointer, depth)
    if isinstance(value, list):
        parts = (_first_foreign(part, f"{pointer}/{index}", depth + 1) for index, part in enumerate(value))
        return next((foreign for foreign in parts if foreign), None)
    return _foreign_scalar(value, pointer)


def _first_foreign_in_dict(value: dict[Any, Any], pointer: str, depth: int) -> tuple[str, str] | None:
    for key, part in value.items():
        if not isinstance(key, str):
            return pointer, f"the key {key!r} is {type(key).__name__}, and JSON keys are strings"
        if _SURROGATE.search(key):
            return pointer, "a key contains a lone surrogate, which UTF-8 cannot hold"
        if foreign := _first_foreign(part, f"{pointer}/{escape_pointer(key)}", depth + 1):
            return foreign
    return None


def _foreign_scalar(value: object, pointer: str) -> tuple[str, str] | None:
    if isinstance(value, str):
        return (pointer, "a lone surrogate, which UTF-8 cannot hold") if _SURROGATE.search(value) else None
    if isinstance(value, float):
        return None if math.isfinite(value) else (pointer, f"{value} is not a JSON number")
    if isinstance(value, int):
        limit = sys.get_int_max_str_digits()
        return (pointer, "the number has too many digits") if limit and value.bit_length() > 3 * limit else None
    if value is None:
        return None
    advice = "; use a list" if isinstance(value, tuple | set | frozenset) else ""
    return pointer, f"{type(value).__name__} is not a JSON type{advice}"


def escape_pointer(key: str) -> str:
    """Return `key` as one segment of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


def _decode_slowly(raw: bytes) -> dict[str, Any]:
    text = _text(raw)
    finding = _scan(text)
    if finding and finding[1].startswith("nested"):  # before json.loads, which would recurse
        _reject(text, *finding)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        what = (
            "trailing data after the document"
            if error.msg == "Extra data"
            else f"not JSON: {error.msg.removesuffix(' at')}"
        )
        _reject(text, error.pos, what)
    except ValueError as error:  # an integer beyond the interpreter's limit of digits
        _reject(text, *(finding or (0, str(error))))
    if finding:
        _reject(text, *finding)
    if not isinstance(document, dict):
        _reject(text, 0, f"the document is a {type(document).__name__}, and must be an object")
    return document


def _text(raw: bytes) -> str:
    if not raw.strip():
        _reject("", 0, "the file is empty" if not raw else "the file holds nothing but white space")
    if raw.startswith(_BOMS):
        _reject("", 0, "it starts with a byte order mark; save it as plain UTF-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        _reject(before, len(before), f"byte 0x{raw[error.start]:02x} is not UTF-8")


def _reject(text: str, offset: int, what: str) -> NoReturn:
    line_start = text.rfind("\n", 0, offset) + 1
    position = Position(offset, text.count("\n", 0, offset) + 1, offset - line_start + 1)
    raise StateReadError(f"{what}, at {position}", position=position)


def _scan(text: str) -> tuple[int, str] | None:
    """Return offset and description of the first thing that `json.loads` would let through, or recurse over."""
    finding: tuple[int, str] | None = None
    open_keys: list[set[str] | None] = []  # one entry per open container; None for a list
    for match in _TOKEN.finditer(text):
        word = match.group()
        if word in "{[":
            open_keys.append(set() if word == "{" else None)
            if len(open_keys) > MAX_DEPTH:
                return match.start(), f"nested deeper than {MAX_DEPTH} levels"
        elif word in "}]":
            del open_keys[-1:]
        elif finding is None:
            keys = open_keys[-1] if open_keys and _KEY_ENDS.match(text, match.end()) else None
            what = _doubt(word, keys)
            finding = (match.start(), what) if what else None
    return finding


def _doubt(token: str, keys: set[str] | None) -> str | None:
    """Say what is wrong with one string or bare word; `keys` are those seen in its object when it is a key."""
    if not token.startswith('"'):
        return _doubt_number(token)
    try:
        value = json.loads(token)
    except json.JSONDecodeError:
        return None  # the reader proper reports it
    if _SURROGATE.search(value):
        return "a lone surrogate, which no text can contain"
    if keys is not None:
        if value in keys:
            return f"the key {value!r} is there twice"
        keys.add(value)
    return None


def _doubt_number(token: str) -> str | None:
    if token in ("NaN", "Infinity", "-Infinity"):
        return f"{token} is not JSON"
    limit = sys.get_int_max_str_digits()
    if limit and token.lstrip("-").isdigit():
        return "a number with too many digits" if len(token.lstrip("-")) > limit else None
    try:
        return None if math.isfinite(float(token)) else f"{token[:40]} is beyond what a number can hold"
    except ValueError:
        return None
