"""Starting a command beside a face that must answer at once: one child process.

The child is the command that a person would type, so what it does, skips and pays is what the command would; it is
recorded in Dagster with the person's name. Faces at a prompt run it themselves instead.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import date

from dayreel.services.project import Project


def making_of(channel: str, day: date) -> tuple[str, ...]:
    """Return the command that makes a channel's day."""
    return ("run", "--date", day.isoformat(), "--channel", channel)


def continuing_of(content_id: str) -> tuple[str, ...]:
    """Return the command that continues a content that stopped."""
    return ("retry", content_id)


def publishing_of(content_id: str) -> tuple[str, ...]:
    """Return the command that publishes a content, through every gate."""
    return ("publish", content_id)


def start_command(project: Project, arguments: Sequence[str], *, by: str) -> int:
    """Start `dayreel` with these arguments in the background, on behalf of a person; its words go to a log.

    Returns:
        The child's process id.
    """
    log = project.settings.var_dir / "logs" / "desk-runs.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dayreel", *arguments],
            cwd=project.settings.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "DAYREEL_REVIEWER": by},
        )
    # So that it leaves no zombie.
    threading.Thread(target=process.wait, name=f"dayreel {' '.join(arguments)}", daemon=True).start()
    return process.pid
