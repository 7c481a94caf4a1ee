"""`python -m dayreel.sandbox --root DIR [--port N] [--idle-exit-s S] [--preset P]`: the sandbox world as a process."""

import argparse
import sys
from pathlib import Path

from dayreel.errors import DayreelError
from dayreel.sandbox.presets import NEW_DEVELOPER, PRESETS
from dayreel.sandbox.server import serve


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox world until it is stopped; prints its URL once it listens."""
    parser = argparse.ArgumentParser(prog="python -m dayreel.sandbox", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the world's folder")
    parser.add_argument("--port", type=int, help="default 8765, or a free one when that is taken")
    parser.add_argument("--idle-exit-s", type=float, help="leave after so many seconds without a request")
    parser.add_argument("--preset", choices=tuple(PRESETS), default=NEW_DEVELOPER, help="how a new folder begins")
    wish = parser.parse_args(arguments)

    def say(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    try:
        serve(wish.root, port=wish.port, idle_exit_s=wish.idle_exit_s, ready=say, preset=wish.preset)
    except DayreelError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
