"""What JSON lets through elsewhere, and not here; pure, and then once through the file."""

import errno
import json
import math
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dayreel.stores.state import Disk, PipelineState, StateReadError, StateValidationError
from dayreel.stores.state.changes import changed_members, changed_paths, split_members
from dayreel.stores.state.strict_json import MAX_DEPTH, decode, encode

DAMAGED = {
    "nan": (b'{"a": NaN}', "NaN is not JSON", 6),
    "infinity": (b'{"a": [1, -Infinity]}', "-Infinity is not JSON", 10),
    "beyond a float": (b'{"a": 1e999}', "beyond what a number can hold", 6),
    "endless digits": (b'{"a": ' + b"9" * 5000 + b"}", "too many digits", 6),
    "duplicate key": (b'{"a": 1, "a": 2}', "'a' is there twice", 9),
    "duplicate key, escaped": (b'{"b": {"a": 1, "\\u0061": 2}}', "'a' is there twice", 15),
    "not utf-8": (b'{"a": "\xff"}', "byte 0xff is not UTF-8", 7),
    "lone surrogate": (b'{"a": "\\ud800"}', "lone surrogate", 6),
    "lone surrogate in a key": (b'{"\\udfff": 1}', "lone surrogate", 1),
    "byte order mark": (b'\xef\xbb\xbf{"a": 1}', "byte order mark", 0),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "byte order mark", 0),
    "trailing bytes": (b'{"a": 1}\n}', "trailing data", 9),
    "two documents": (b'{"a": 1}{"a": 2}', "trailing data", 8),
    "cut short": (b'{"a": [1, 2', "not JSON", 11),
    "control character": (b'{"a": "\x01"}', "not JSON", 7),
    "zero bytes": (b"\x00" * 100, "not JSON", 0),
    "too deep": (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "nested deeper", 5 + MAX_DEPTH - 1),
    "absurdly deep": (b"[" * 1_000_000, "nested deeper", MAX_DEPTH),
    "empty": (b"", "the file is empty", 0),
    "blank": (b" \n\t ", "nothing but white space", 0),
    "a list": (b"[1]", "the document is a list", 0),
    "a number": (b"7", "the document is a int", 0),
}
FOREIGN: dict[str, tuple[Any, str]] = {
    "nan": ({"a": [math.nan]}, "'/a/0'"),
    "infinity": ({"a": -math.inf}, "'/a'"),
    "lone surrogate": ({"a": "\ud800"}, "'/a'"),
    "lone surrogate in a key": ({"b": {"\ud800": 1}}, "'/b'"),
    "number as key": ({"a": {1: 2}}, "the key 1 is int"),
    "number and its text as keys": ({"1": 1, 1: 2}, "the key 1 is int"),
    "tuple": ({"a": (1, 2)}, "use a list"),
    "set": ({"a": {1}}, "use a list"),
    "bytes": ({"a": b"x"}, "bytes is not a JSON type"),
    "datetime": ({"a": {"b/c": datetime(2026, 1, 1, tzinfo=UTC)}}, "'/a/b~1c'"),
    "decimal": ({"a": Decimal("0.35")}, "Decimal is not a JSON type"),
    "path": ({"a": Path("x")}, "is not a JSON type"),
    "object": ({"a": object()}, "object is not a JSON type"),
    "generator": ({"a": (n for n in range(2))}, "generator is not a JSON type"),
    "a list": ([1], "must be a dict"),
    "nothing": (None, "must be a dict"),
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=12,
)
documents = st.dictionaries(st.text(), json_values)


@pytest.mark.parametrize(("raw", "what", "offset"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_document_is_a_read_error_with_its_position(
    raw: bytes, what: str, offset: int, tmp_path: Path
) -> None:
    path = tmp_path / "pipeline.json"
    path.write_bytes(raw)
    with pytest.raises(StateReadError, match=what) as refused:
        PipelineState(path).read()
    assert refused.value.position is not None
    assert refused.value.position.offset == offset
    assert str(refused.value.position) in str(refused.value)
    assert "There is no backup" in refused.value.next_step
    with pytest.raises(StateReadError, match=what), PipelineState(path).transaction():
        pytest.fail("a block must not begin on a document that cannot be read")
    assert path.read_bytes() == raw


def test_the_position_counts_lines_as_an_editor_does() -> None:
    with pytest.raises(StateReadError) as refused:
        decode('{\n  "é": 1,\n  "a": NaN\n}\n'.encode())
    assert refused.value.position is not None
    assert (refused.value.position.line, refused.value.position.column) == (3, 8)


def a_file_in_the_folders_place(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.parametrize(
    ("put", "what"),
    [
        (Path.mkdir, "a directory or a device"),
        (os.mkfifo, "a directory or a device"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (lambda path: path.write_bytes(b'{"a": "' + b"x" * 2000 + b'"}'), "1000 is the limit"),
        (a_file_in_the_folders_place, "Not a directory"),
    ],
    ids=["directory", "named pipe", "link to itself", "too large", "file in the folder's place"],
)
def test_what_is_not_a_readable_file_is_a_read_error(put: Callable[[Path], Any], what: str, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "pipeline.json"
    path.parent.mkdir()
    put(path)
    with pytest.raises(StateReadError, match="Tried to read") as refused:
        PipelineState(path, max_size_bytes=1000).read()
    assert what in refused.value.message
    assert refused.value.next_step


@pytest.mark.parametrize("text", ["{", None], ids=["damaged", "gone"])
def test_unlistable_backups_are_reported_in_the_read_error(text: str | None, tmp_path: Path) -> None:
    class Closed(Disk):
        def names(self, directory: str) -> list[str]:
            raise PermissionError(errno.EACCES, "Permission denied", directory)

    path = tmp_path / "pipeline.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(StateReadError, match="backups") as refused:
        PipelineState(path, disk=Closed()).read()
    assert "correct the permissions" in refused.value.next_step


@pytest.mark.parametrize(("data", "what"), FOREIGN.values(), ids=FOREIGN)
def test_data_that_cannot_be_read_back_is_refused_unwritten(data: Any, what: str, tmp_path: Path) -> None:
    state = PipelineState(tmp_path / "pipeline.json")
    state.write({"a": "before"})
    before = state.path.read_bytes()
    with pytest.raises(StateValidationError, match="could not be read back") as refused:
        state.write(data)
    assert what in str(refused.value)
    assert state.path.read_bytes() == before
    assert state.list_backups() == []
    assert state.get_transaction_history(1)[0]["outcome"] == "rolled back"


def test_a_too_deep_too_large_or_recursive_document_is_refused(tmp_path: Path) -> None:
    state = PipelineState(tmp_path / "pipeline.json", max_size_bytes=1000)
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    endless: dict[str, Any] = {}
    endless["a"] = endless
    for data, what in ((deep, "deeper"), (endless, "deeper"), ({"a": "x" * 1000}, "1000 is the limit")):
        with pytest.raises(StateValidationError, match=what):
            state.write(data)


@pytest.mark.slow
@settings(max_examples=30)
@given(documents)
def test_what_is_written_is_read_back_as_it_was(document: dict[str, Any]) -> None:
    raw, back = encode(document)
    assert back == document
    assert decode(raw) == document
    assert json.loads(raw) == document
    assert encode(back)[0] == raw
    in_another_form = json.dumps(document, ensure_ascii=False, separators=(",", ":"), indent=7)
    assert decode(in_another_form.encode()) == decode(json.dumps(document).encode()) == document


@pytest.mark.slow
@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0dN1e ', max_size=40).map(str.encode))
@settings(max_examples=300)
def test_no_bytes_at_all_raise_anything_else(raw: bytes) -> None:
    try:
        document = decode(raw)
    except StateReadError:
        return
    assert document == json.loads(raw)


@pytest.mark.slow
@settings(max_examples=30)
@given(documents, documents)
def test_the_quick_comparison_finds_what_the_full_one_finds(before: dict[str, Any], after: dict[str, Any]) -> None:
    after |= {key: before[key] for key in list(before)[::2]}
    quick = changed_members(split_members(encode(before)[0]), split_members(encode(after)[0]))
    full = changed_paths(before, after)
    assert sorted(quick) == sorted(full) or (not full and encode(before) != encode(after)), "1 became true, say"


def test_changes_are_listed_as_pointers_and_counted_when_many() -> None:
    before = {"a": {"x/y": 1, "gone": 2}, "list": [1, {"b": 1}], "same": [1]}
    after = {"a": {"x/y": 2}, "list": [1, {"b": 3}], "same": [1], "new": {}}
    assert changed_paths(before, after) == ["/a/x~1y", "/a/gone", "/list/1/b", "/new"]
    assert changed_paths(None, after) == [""]
    assert changed_paths({"a": 1, "b": 1}, {"a": True, "b": 1}) == ["/a"]
    assert changed_paths({}, {str(n): n for n in range(60)})[-1] == "... 60 places in all"
