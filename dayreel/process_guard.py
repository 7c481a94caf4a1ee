"""Runs a program for as long as somebody holds the other end of its standard input, and not a moment longer.

Started as a script, on its own: `process_guard.py GRACE PROGRAM ARGUMENT...`. However the holder ends, kill -9
included, the system closes the pipe, and the program is ended with all that it started: asked to, and after GRACE
seconds made to.
Knows nothing of dayreel, so that starting it takes no time.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

GRACE_S = 5.0
_LEASH_ENDS_WITHIN_S = GRACE_S + 10


def supervised(command: Sequence[str], grace_s: float = GRACE_S) -> list[str]:
    """Return the command that runs `command` supervised; give it a pipe as its standard input and keep that open.

    Args:
        grace_s: how long it may take to end when it is asked to, at most `GRACE_S`.
    """
    return [sys.executable, "-I", __file__, str(grace_s), *command]


def end(process: "subprocess.Popen[bytes]") -> None:
    """Let go of a supervised program, or kill one that is not supervised, and wait until it is gone."""
    if process.stdin is not None:
        process.stdin.close()
        try:
            process.wait(_LEASH_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
    elif process.poll() is None:
        process.kill()
    process.wait()


def main(grace_s: float, command: list[str]) -> int:
    """Run the program; return its exit code, or end by the signal that ended it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the holder too, who decides
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    ending = partial(threading.Thread, args=(child, grace_s), daemon=True)
    signal.signal(signal.SIGTERM, lambda *_: ending(target=_end_group).start())
    ending(target=_end_with_the_holder).start()
    code = child.wait()
    _signal_group(child, signal.SIGKILL)  # what it may have left running
    if code >= 0:
        return code
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 128 - code


def _end_with_the_holder(child: "subprocess.Popen[bytes]", grace_s: float) -> None:
    while os.read(0, 4096):  # not `sys.stdin`: a thread that waits in there keeps the interpreter from ending
        pass
    _end_group(child, grace_s)


def _end_group(child: "subprocess.Popen[bytes]", grace_s: float) -> None:
    _signal_group(child, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(grace_s)
    _signal_group(child, signal.SIGKILL)


def _signal_group(child: "subprocess.Popen[bytes]", number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)  # its own session, so its id is the group's


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
