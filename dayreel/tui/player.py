"""Handing a file to whatever this machine plays videos with; none of our secrets go along.

Which video, and when, is up to the screens.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dayreel.errors import MediaError
from dayreel.services.sandbox_world import clean_environment

_DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "USER", "LOGNAME")
_HAND_OVER_S = 5.0


def open_player(path: Path) -> str:
    """Open a file in the desktop's player and say so in a sentence; waits until the opener took it, not until it ends.

    Raises:
        MediaError: this machine has no opener or no screen, or the opener refused; says where the file is.
    """
    command = opener(os.environ)
    if command is None:
        raise MediaError(
            "There is no desktop here to open a player on.", next_step=f"Copy the file or play it elsewhere: {path}"
        )
    process = subprocess.Popen(
        [*command, str(path.resolve())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=player_environment(os.environ),
        start_new_session=True,
    )
    try:
        code = process.wait(timeout=_HAND_OVER_S)
    except subprocess.TimeoutExpired:
        _PLAYING.append(process)  # an opener that is the player itself; reaped with the next one
        return f"Playing {path.name}."
    finally:
        _PLAYING[:] = [opener_process for opener_process in _PLAYING if opener_process.poll() is None]
    if code != 0:
        raise MediaError(
            f"Tried to open {path.name!r} with {command[0]!r}; it ended with exit code {code}.",
            next_step=f"Play it yourself: {path}",
        )
    return f"{path.name} was handed to this desktop's player."


_PLAYING: list["subprocess.Popen[bytes]"] = []


def opener(environment: Mapping[str, str]) -> list[str] | None:
    """Return the platform's command that opens a file, or None where there is nothing to open it on."""
    if sys.platform == "darwin":
        return None if "SSH_CONNECTION" in environment else ["/usr/bin/open"]
    if not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return None
    path = shutil.which("xdg-open", path=environment.get("PATH"))
    return None if path is None else [path]


def player_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a desktop program needs to start, and nothing else: no key, no token, no DAYREEL_ variable."""
    of_the_desktop = {name: value for name, value in environment.items() if name in _DESKTOP or name.startswith("XDG_")}
    return {**clean_environment(), **of_the_desktop}
