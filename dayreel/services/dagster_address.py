"""Where Dagster's web server answers: on a Unix socket of the project that only its own user can open, or at a URL.

Its web server has no login, and executes what any page of a browser sends to a port of this machine. So `dayreel up`
gives it no port: the folder of the socket has mode 0700, and people come through the desk. Sockets and files alone; who
may do what behind them is `dayreel.desk`.
"""

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from dayreel.errors import ConfigurationError
from dayreel.settings import Settings

SCHEME = "unix:"
PATH_PREFIX = "/dagster"
_LONGEST_NAME = 100  # bytes; unix(7) keeps 108 for a socket's name, macOS 104


@dataclass(frozen=True)
class DagsterAddress:
    """One web server.

    Attributes:
        url: what its requests are addressed to, without `/dagster`.
        socket: the name of its Unix socket; None: `url` is where it is.
    """

    url: str
    socket: str | None = None

    @classmethod
    def parse(cls, text: str) -> "DagsterAddress":
        """Read `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`.

        Raises:
            ConfigurationError: it is neither.
        """
        if text.startswith(SCHEME):
            return cls("http://dagster", socket_name(Path(text.removeprefix(SCHEME))))
        if not text.startswith(("http://", "https://")):
            raise ConfigurationError(
                f"Tried to read {text!r} as the address of Dagster's web server; it is neither a URL nor a socket.",
                next_step="Write it like http://127.0.0.1:3000, or unix:var/run/dagster.sock.",
            )
        return cls(text.rstrip("/"))

    def __str__(self) -> str:
        """Return it as people write it."""
        return self.url if self.socket is None else f"{SCHEME}{self.socket}"


def socket_path(settings: Settings) -> Path:
    """Return where the web server of `dayreel up` listens."""
    return settings.var_dir / "run" / "dagster.sock"


def socket_name(path: Path) -> str:
    """Return the name by which this process can open a socket: its path, or what is short enough to be one.

    Raises:
        ConfigurationError: no way of writing it is short enough.
    """
    for name in (str(path.absolute()), os.path.relpath(path)):
        if len(os.fsencode(name)) <= _LONGEST_NAME:
            return name
    raise ConfigurationError(
        f"The name of the socket {str(path)!r} is longer than the {_LONGEST_NAME} bytes that systems allow.",
        next_step="Move the project to a folder with a shorter path, or start this from the project's folder.",
    )


def listen_privately(path: Path) -> socket.socket:
    """Listen on a Unix socket in a folder that belongs to this user alone; what a dead process left is replaced.

    Raises:
        ConfigurationError: something answers there, or the folder is not ours alone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    name = socket_name(path)
    if is_answered(name):
        raise ConfigurationError(
            f"Another program answers on the socket {str(path)!r}.", next_step="Stop it; nothing was started."
        )
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(name)
    path.chmod(0o600)
    listening.listen(2048)
    return listening


def is_answered(name: str) -> bool:
    """Return whether something accepts connections on a socket of this name."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(name) == 0
