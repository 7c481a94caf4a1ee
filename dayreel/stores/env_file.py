"""The project's `.env`: variables set in it, everything else left as it stands, readable by its owner only."""

import re
from collections.abc import Mapping
from pathlib import Path

from dayreel.atomic_write import PRIVATE, atomic_write_text
from dayreel.errors import UsageError

_PLAIN = re.compile(r"[A-Za-z0-9_./:@+=,|~%-]*")


def write_env(path: Path, changes: Mapping[str, str], *, template: Path) -> None:
    """Set variables in the file; made from `template` when it is not there, with mode 600 either way.

    A line that sets the variable is replaced, else one that has it in a comment, else one is added.

    Raises:
        UsageError: a value has a line break; the message has the variable's name only.
        StoreError, OSError: the file could not be written; what was there is untouched.
    """
    path = path.resolve()  # a link stays one
    source = path if path.is_file() else template
    lines = source.read_text(encoding="utf-8").splitlines() if source.is_file() else []
    for name, value in changes.items():
        if "\n" in value or "\r" in value:
            raise UsageError(f"The value of {name} has a line break.", next_step="Copy it again, in one line.")
        _set(lines, name, f"{name}={_quoted(value)}")
    atomic_write_text(path, "\n".join(lines) + "\n", mode=PRIVATE)


def _set(lines: list[str], name: str, line: str) -> None:
    for pattern in (rf"\s*(export\s+)?{name}\s*=", rf"\s*#\s*{name}\s*="):
        numbers = [number for number, known in enumerate(lines) if re.match(pattern, known)]
        if numbers:
            lines[numbers[-1]] = line  # the last one is the one that counts
            return
    lines.append(line)


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
