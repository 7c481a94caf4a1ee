"""Starting the making of a channel's day beside a face that must answer at once: one child process.

The child is `dayreel run` for that day, so what it does, skips and pays is what the command would; it is recorded in
Dagster with the person's name. Faces at a prompt run it themselves instead.
"""

import os
import subprocess
import sys
import threading

from dayreel.queries.rows import ContentRow
from dayreel.services.studio import Studio


def start_day(studio: Studio, row: ContentRow, *, by: str) -> int:
    """Start making a content's day in the background and return the child's process id; its words go to a log."""
    log = studio.settings.var_dir / "logs" / "desk-runs.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dayreel", "run", "--date", row.day.isoformat(), "--channel", row.channel],
            cwd=studio.settings.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "DAYREEL_REVIEWER": by},
        )
    threading.Thread(target=process.wait, name=f"run-{row.id}", daemon=True).start()  # so that it leaves no zombie
    return process.pid
