"""Runs a program for as long as somebody holds the other end of its standard input, and not a moment longer.

Started as a script, on its own: `leash.py PROGRAM ARGUMENT...`. However the holder ends, kill -9 included, the system
closes the pipe, and the program is ended. Knows nothing of dayreel, so that starting it takes no time.
"""

import subprocess
import sys
import threading

_GRACE_S = 5


def main(command: list[str]) -> int:
    """Run the program; return its exit code, or 0 when it was let go."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end_with_the_holder() -> None:
        sys.stdin.buffer.read()
        child.terminate()
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()

    threading.Thread(target=end_with_the_holder, daemon=True).start()
    return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
