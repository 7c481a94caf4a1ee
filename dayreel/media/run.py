"""Running ffmpeg on a graph built with ffmpeg-python: deadline, clean environment, progress, writing aside.

Every file this floor makes is written in a hidden folder beside its destination and renamed over it at the end, so
a reader never sees half a file under a final name. What goes into a graph belongs in the module that needs it.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import ffmpeg as graph

from dayreel.atomic_write import NO_ROOM, put_in_place
from dayreel.clock import SystemClock
from dayreel.errors import MediaError, UnfinishedError
from dayreel.process_guard import end, supervised

ProgressCallback = Callable[[float], None]
"""Called with the finished share of the work, 0.0 to 1.0."""

Pulse = Callable[[], None]
"""Called as something begins to run and at least five times a second while it does; what it raises ends the work."""

DEADLINE_S = 900.0
NICENESS = 5
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR")
_KEPT_LINES = 2000
_SHOWN_LINES = 5
_ABANDONED_AFTER = timedelta(days=1)
_GRACE_S = 0.2
"""Asked to end, an encoder first writes what it has in hand, which may take many seconds and is dropped anyway."""
_ENDED_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_DISK_FULL_WORDS = "No space left on device"


@contextlib.contextmanager
def atomic_output(dest: Path, *, doing: str) -> Iterator[Path]:
    """Yield a path to write to; when the block ends well, move it over `dest`, else leave no trace.

    The yielded path has the name of `dest` and lies in a hidden folder beside it, so scratch files can be put next
    to it and go away with it. The file reaches the disk before it gets its name.

    Raises:
        MediaError: the disk is full, or the folder cannot be written.
    """
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
        _sweep_abandoned(dest)
        folder = Path(tempfile.mkdtemp(prefix=_aside_prefix(dest), dir=dest.parent))
    except OSError as error:
        raise _file_error(error, dest, doing) from error
    try:
        yield folder / dest.name
        put_in_place(folder / dest.name, dest)
    except OSError as error:
        raise _file_error(error, dest, doing) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_ffmpeg(
    spec: Any,
    *,
    ffmpeg: Path,
    doing: str,
    folder: Path,
    deadline_s: float = DEADLINE_S,
    progress: ProgressCallback | None = None,
    duration_s: float = 0.0,
    pulse: Pulse | None = None,
    loglevel: str = "warning",
) -> str:
    """Run an ffmpeg-python stream spec and return what ffmpeg wrote to stderr (its last lines).

    Args:
        spec: an output node, or several merged, of ffmpeg-python.
        doing: a clause for messages: "compose 'a.mp4'".
        folder: where the output goes; named, with its free space, when the disk is full.
        duration_s: length of the output, to turn ffmpeg's position into a share for `progress`.
        pulse: for work that takes hours and may be called off; ffmpeg is then supervised, so that it does not
            outlive this process, however that ends.

    Raises:
        MediaError: ffmpeg is missing or failed; the message ends with its own words.
        UnfinishedError: it ran past the deadline, was ended by a signal, or the disk is full.
    """
    args = graph.compile(spec, cmd=_command(ffmpeg, loglevel, progress is not None), overwrite_output=True)
    try:
        process = subprocess.Popen(
            args if pulse is None else supervised(args, _GRACE_S),
            stdin=subprocess.DEVNULL if pulse is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
    except OSError as error:
        raise MediaError(
            f"Tried to {doing}; ffmpeg {str(ffmpeg)!r} did not start: {error.strerror or error}.",
            next_step="Run `dayreel doctor`: it says which ffmpeg is used and what it lacks.",
        ) from error
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Encoding takes every core; the daemon's heartbeat and the desk on the same machine must still answer.
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    lines = _attend(process, doing, deadline_s, progress, duration_s, pulse)
    if process.returncode != 0:
        raise _run_error(doing, folder, process.returncode, lines)
    return "\n".join(lines)


def clean_environment() -> dict[str, str]:
    """Return the little of this process's environment that other programs get: no secrets."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def disk_full(folder: Path, doing: str) -> UnfinishedError:
    """Return the error that says that the disk holding `folder` is full, with the space that is left."""
    free_mb = shutil.disk_usage(folder).free / 1e6
    return UnfinishedError(
        f"Tried to {doing}; the disk is full: {str(folder)!r} has {free_mb:.1f} MB free. No file was left behind.",
        next_step="Make room there and run it again; nothing that existed before was changed.",
        is_for_want_of_room=True,
    )


def _command(ffmpeg: Path, loglevel: str, wants_progress: bool) -> list[str]:
    # Without -nostdin ffmpeg reads keys from the terminal, and a stray `q` ends the job.
    command = [str(ffmpeg), "-hide_banner", "-nostdin", "-nostats", "-loglevel", f"level+{loglevel}"]
    return [*command, "-progress", "pipe:1"] if wants_progress else command


def _attend(
    process: "subprocess.Popen[bytes]",
    doing: str,
    deadline_s: float,
    progress: ProgressCallback | None,
    duration_s: float,
    pulse: Pulse | None,
) -> list[str]:
    """Drain both pipes until the process ends; end it when the deadline passes or the caller is interrupted."""
    assert process.stdout is not None  # noqa: S101 - both are pipes by construction
    assert process.stderr is not None  # noqa: S101
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    shares: deque[float] = deque()
    # Both pipes are read all the time: ffmpeg blocks for ever once the buffer of one of them is full.
    readers = [
        threading.Thread(target=_drain, args=(process.stderr, lines.append), daemon=True),
        threading.Thread(target=_drain_progress, args=(process.stdout, duration_s, shares.append), daemon=True),
    ]
    for reader in readers:
        reader.start()
    clock = SystemClock()
    ends_at = clock.monotonic() + deadline_s
    try:
        while True:
            if pulse is not None:  # at once as well: work of many short runs would never be asked
                pulse()
            if _has_closed(readers, process, 0.2 if progress or pulse else deadline_s):
                break
            _report(shares, progress)
            if clock.monotonic() >= ends_at:
                raise UnfinishedError(
                    f"Tried to {doing}; ffmpeg was not done after {deadline_s:.0f} s and was ended.",
                    next_step="Look at the load of the machine, then run it again.",
                )
    finally:
        end(process)
        for reader in readers:
            reader.join()
        process.stdout.close()
        process.stderr.close()
    _report(shares, progress)
    return list(lines)


def _has_closed(readers: list[threading.Thread], process: "subprocess.Popen[bytes]", within_s: float) -> bool:
    """Wait until ffmpeg closed its pipes and ended. `Popen.wait` with a timeout polls and wakes up to 50 ms late."""
    readers[0].join(within_s)
    if readers[0].is_alive():
        return False
    process.wait()
    return True


def _drain(pipe: IO[bytes], keep: Callable[[str], None]) -> None:
    for line in pipe:
        keep(line.decode(errors="replace").rstrip())


def _drain_progress(pipe: IO[bytes], duration_s: float, keep: Callable[[float], None]) -> None:
    for line in pipe:
        key, _, value = line.decode(errors="replace").strip().partition("=")
        # ffmpeg reports `N/A` and negative times before the first frame is out.
        if key == "out_time_us" and value.lstrip("-").isdigit() and duration_s > 0:
            keep(min(1.0, max(0.0, int(value) / 1e6 / duration_s)))


def _report(shares: deque[float], progress: ProgressCallback | None) -> None:
    while shares:
        share = shares.popleft()
        if progress is not None:
            progress(share)


def _run_error(doing: str, folder: Path, code: int, lines: list[str]) -> MediaError:
    if any(_DISK_FULL_WORDS in line for line in lines):
        return disk_full(folder, doing)
    worst = [line for line in lines if "[error]" in line or "[fatal]" in line] or lines
    shown = worst if len(worst) <= _SHOWN_LINES else [worst[0], *worst[1 - _SHOWN_LINES :]]  # the first is the cause
    words = "; ".join(re.sub(r"\[(error|fatal|[^\]]*@ 0x[0-9a-f]+)\] ?", "", line) for line in shown)
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    return (UnfinishedError if -code in _ENDED_FROM_OUTSIDE else MediaError)(
        f"Tried to {doing}; ffmpeg {how} and said: {words or 'nothing'}",
        next_step="If the words name a file, look at that file; `dayreel doctor` says whether ffmpeg is complete.",
    )


def _file_error(error: OSError, dest: Path, doing: str) -> UnfinishedError:
    if error.errno in NO_ROOM:
        return disk_full(dest.parent, doing)
    return UnfinishedError(
        f"Tried to {doing}; {str(error.filename or dest)!r} could not be written: {error.strerror or error}.",
        next_step="Check that the folder exists and may be written by this user.",
    )


def _aside_prefix(dest: Path) -> str:
    return f".{dest.name}.part-"


def _sweep_abandoned(dest: Path) -> None:
    """Remove what a process that was killed (-9, power) left beside `dest` more than a day ago."""
    before = (SystemClock().now() - _ABANDONED_AFTER).timestamp()
    for left in dest.parent.glob(f"{_escape_glob(_aside_prefix(dest))}*"):
        with contextlib.suppress(FileNotFoundError):  # another process sweeps the same folder
            if left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)


def _escape_glob(text: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", text)
