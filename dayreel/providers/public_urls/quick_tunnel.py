"""A cloudflared quick tunnel in front of a one-file server: free, without an account, gone when the block ends.

Facts: protocol reference, section 9. Cloudflare means these tunnels for testing: no promise of uptime, another name
each time, and creation is rate limited, so a tunnel is opened once per post and never in a loop.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from dayreel.clock import Clock, poll
from dayreel.errors import ConfigurationError, TransientError
from dayreel.process_guard import end, supervised
from dayreel.providers.http import Http, readable
from dayreel.providers.public_urls.contract import PublicUrl
from dayreel.providers.public_urls.file_server import serve_file
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

INSTALL: Final = (
    "Install it: `brew install cloudflared` (macOS), the .deb or .rpm of github.com/cloudflare/cloudflared/releases "
    "(Linux), or set DAYREEL_CLOUDFLARED to its path. Or use a bucket: set STORAGE_BUCKET and its keys. "
    "Instagram by Facebook Login needs neither."
)
_NAME: Final = re.compile(r"https://((?!api\.)[a-z0-9-]+\.trycloudflare\.com)")
_TOO_MANY: Final = re.compile(r"\b(429|1015)\b")
_ATTEMPTED: Final = "open a quick tunnel with cloudflared"
_BACK_OFF_S: Final = 900.0
_POLL_S: Final = 1.0
_OK: Final = 200


class QuickTunnel:
    """Opens a tunnel per file.

    Args:
        program: cloudflared, by name or path.
        deadline_s: how long it may take until the address answers from outside.
        reaches: asks whether an https address answers; the real one goes through the public name.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        program: str = "cloudflared",
        deadline_s: float = 90,
        reaches: Callable[[str], bool] | None = None,
    ) -> None:
        """Keep the settings; whether the program is there is seen when it is needed."""
        self._clock = clock
        self._program = program
        self._deadline_s = deadline_s
        self._reaches = reaches or _answers

    @contextmanager
    def __call__(self, video: Path) -> Iterator[str]:
        """Open a public address for `video`, see `contract.PublicUrl`."""
        program = shutil.which(self._program)
        if program is None:
            raise ConfigurationError(
                f"The platform fetches the video from a public address, and {self._program!r} is not here.",
                next_step=INSTALL,
            )
        with (
            serve_file(video, clock=self._clock) as served,
            tempfile.TemporaryDirectory() as home,
            _running(program, served.origin, Path(home)) as tunnel,
        ):
            yield f"https://{self._wait(tunnel, served.path)}{served.path}"

    def _wait(self, tunnel: "_Tunnel", path: str) -> str:
        name, is_ready = "", False

        def look() -> str | None:
            nonlocal name, is_ready
            if tunnel.process.poll() is not None:
                raise tunnel.failure("it ended unexpectedly")
            name = name or tunnel.name()
            is_ready = is_ready or tunnel.is_ready()
            # Asked too early, the name is remembered as missing for minutes: first the tunnel, then the name.
            return name if name and is_ready and self._reaches(f"https://{name}{path}") else None

        if poll(look, clock=self._clock, interval_s=_POLL_S, deadline_s=self._deadline_s):
            return name
        stage = "does not answer from outside" if name and is_ready else "never got a connection"
        raise tunnel.failure(f"{name or 'the tunnel'} {stage} within {self._deadline_s:g} s")


class _Tunnel:
    """A running cloudflared: its name and whether it is connected, from its metrics address and from what it prints."""

    def __init__(self, process: "subprocess.Popen[bytes]", metrics: str) -> None:
        self.process = process
        self._metrics = metrics
        self._http = Http("cloudflared", connect_s=2, read_s=5)
        self._lines: deque[str] = deque(maxlen=200)
        self._printed = ""
        self._listener = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
        self._listener.start()

    def _listen(self, stream: IO[bytes]) -> None:
        for raw in stream:
            line = raw.decode("utf-8", "replace")
            self._lines.append(line.strip())
            match = _NAME.search(line)
            if match is not None and not self._printed:
                self._printed = match[1]

    def name(self) -> str:
        return self._printed or str(self._ask("/quicktunnel").get("hostname") or "")

    def is_ready(self) -> bool:
        return self._ask("/ready").get("readyConnections", 0) not in (0, None)

    def _ask(self, path: str) -> dict[str, object]:
        try:
            reply = self._http.send(
                "GET", self._metrics + path, attempted="ask cloudflared how it is", has_side_effects=False
            )
        except TransientError:  # not listening yet
            return {}
        answer = reply.json() if reply.status == _OK else None
        return answer if isinstance(answer, dict) else {}

    def failure(self, what: str) -> TransientError:
        if self.process.poll() is not None:
            self._listener.join(2)  # what it said last is why it ended
        reason = next((line for line in reversed(self._lines) if "ERR" in line or _TOO_MANY.search(line)), "")
        too_many = any(_TOO_MANY.search(line) for line in self._lines)
        return TransientError(
            attempted=_ATTEMPTED,
            answer=f"{what}{f'; it said: {readable(reason)}' if reason else ''}",
            next_step="Cloudflare limits how often tunnels are made: wait a quarter of an hour." if too_many else "",
            retry_after_s=_BACK_OFF_S if too_many else 60,
            code="rate_limited" if too_many else "no_tunnel",
        )


@contextmanager
def _running(program: str, origin: str, home: Path) -> Iterator[_Tunnel]:
    metrics = f"127.0.0.1:{_free_port()}"
    command = [program, "tunnel", "--no-autoupdate", "--url", origin, "--metrics", metrics]
    # An empty home, because a configuration file there would change what a quick tunnel does; and none of our keys.
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)}
    process = subprocess.Popen(
        supervised(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=home,
    )
    try:
        yield _Tunnel(process, f"http://{metrics}")
    finally:
        end(process)
        if process.stderr is not None:
            process.stderr.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        http = Http("the tunnel", secrets=(url,), connect_s=5, read_s=10)
        return http.send("HEAD", url, attempted="reach the tunnel from outside", has_side_effects=False).ok
    except TransientError:
        return False


def connect(access: Access) -> PublicUrl:
    """Return quick tunnels; in the sandbox world, where everybody is on this machine, the file server alone."""
    if access.sandbox_url is None:
        return QuickTunnel(clock=access.clock, program=access.variable("DAYREEL_CLOUDFLARED") or "cloudflared")

    @contextmanager
    def on_loopback(video: Path) -> Iterator[str]:
        with serve_file(video, clock=access.clock) as served:
            yield served.url

    return on_loopback


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Look for the program; no tunnel is opened."""
    program = access.variable("DAYREEL_CLOUDFLARED") or "cloudflared"
    path = shutil.which(program)
    return Proof(f"at {path}") if path else Proof("", f"there is no {program} here", INSTALL)


VENDOR: Final = Vendor(
    name="quick_tunnel",
    label="cloudflared quick tunnel",
    family="public_urls",
    about="A public address in front of this machine for as long as it is needed.",
    connect=connect,
    settings=(
        Setting(
            "DAYREEL_CLOUDFLARED",
            "path of cloudflared, for Instagram Login and `automation` without a bucket",
            secret=False,
            required=False,
        ),
    ),
    can=("a public address for one file",),
    prove=prove,
    order=1,
)
