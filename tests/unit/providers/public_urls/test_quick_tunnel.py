"""The tunnel: open when it answers, closed with its block, and never longer alive than its process."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, TransientError
from dayreel.providers.public_urls import quick_tunnel
from dayreel.providers.public_urls.quick_tunnel import QuickTunnel
from tests.fakes import cloudflared
from tests.fakes.ports import free_port
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.slow

NAME = cloudflared.NAME


class Program:
    """A fake cloudflared in a folder of its own, and what it wrote down."""

    def __init__(self, folder: Path, mode: str) -> None:
        folder.mkdir()
        self.folder, self.path = folder, folder / "cloudflared"
        source = Path(cloudflared.__file__).read_text(encoding="utf-8").partition("\n")[2]
        self.path.write_text(f"#!{sys.executable} -I\n{source}", encoding="utf-8")
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        (folder / "mode").write_text(mode)

    def wrote(self, name: str) -> str:
        return (self.folder / name).read_text()

    def is_running(self) -> bool:
        return is_running(int(self.wrote("pid")))

    def has_gone(self) -> bool:
        return wait_until(lambda: not self.is_running())


@pytest.fixture(autouse=True)
def _a_port_that_stays_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_tunnel, "_free_port", free_port)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "final_video.mp4"
    path.write_bytes(b"the video")
    return path


class QuickClock(SystemClock):
    """Waits a fiftieth of what is asked; no deadline passes on it before it is set to have passed."""

    is_over = False

    def monotonic(self) -> float:
        return 1e9 if self.is_over else 0.0

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 50)


def tunnel(program: Path | str, **wishes: Any) -> QuickTunnel:
    wishes = {"reaches": lambda _url: True, "clock": QuickClock(), **wishes}
    return QuickTunnel(program=str(program), **wishes)


def test_the_url_is_reachable_in_the_block_and_gone_after_it(tmp_path: Path, video: Path) -> None:
    program = Program(tmp_path / "bin", "works")
    asked: list[str] = []

    def reaches(url: str) -> bool:
        asked.append(url)
        return len(asked) > 2  # the name is known before it can be reached

    with tunnel(program.path, reaches=reaches)(video) as url:
        assert url.startswith(f"https://{NAME}/")
        assert set(asked) == {url}
        local = program.wrote("url") + url.removeprefix(f"https://{NAME}")
        assert requests.get(local, timeout=30).content == b"the video"
    assert program.has_gone()
    with pytest.raises(requests.ConnectionError):
        requests.get(local, timeout=30)


def test_the_program_gets_none_of_our_keys_and_an_empty_home(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ACCESS_TOKEN", "marked-secret")
    program = Program(tmp_path / "bin", "works")
    with tunnel(program.path)(video):
        environment = json.loads(program.wrote("environment"))
        assert "marked-secret" not in str(environment)
        assert environment["HOME"] != os.environ.get("HOME")
        assert list(Path(environment["HOME"]).iterdir()) == []


def test_an_error_inside_the_block_closes_everything_too(tmp_path: Path, video: Path) -> None:
    program = Program(tmp_path / "bin", "works")
    with pytest.raises(TransientError, match="the post"), tunnel(program.path)(video):
        raise TransientError(attempted="make the post", answer="503")
    assert program.has_gone()


HOLDER = """
import sys, time
from pathlib import Path
from dayreel.clock import SystemClock
from dayreel.providers.public_urls.quick_tunnel import QuickTunnel
clock = SystemClock()
clock.sleep = lambda seconds: time.sleep(seconds / 50)
tunnel = QuickTunnel(clock=clock, program=sys.argv[1], reaches=lambda url: True)
with tunnel(Path(sys.argv[2])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def test_a_process_that_is_killed_takes_its_tunnel_with_it(tmp_path: Path, video: Path) -> None:
    program = Program(tmp_path / "bin", "works")
    command = [sys.executable, "-c", HOLDER, str(program.path), str(video)]
    root = Path(__file__).parents[4]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}
    ) as holder:
        assert holder.stdout is not None
        assert NAME in holder.stdout.readline().decode()
        assert program.is_running()
        holder.send_signal(signal.SIGKILL)
    assert program.has_gone()


def test_a_missing_program_says_how_to_get_it(tmp_path: Path, video: Path) -> None:
    with pytest.raises(ConfigurationError) as refusal, tunnel(tmp_path / "none")(video):
        pass
    assert "brew install cloudflared" in refusal.value.next_step
    assert "STORAGE_BUCKET" in refusal.value.next_step


def test_cloudflares_rate_limit_is_not_mistaken_for_a_tunnel(tmp_path: Path, video: Path) -> None:
    program = Program(tmp_path / "bin", "refuses")
    with pytest.raises(TransientError) as refusal, tunnel(program.path)(video):
        pass
    assert refusal.value.code == "rate_limited"
    assert refusal.value.retry_after_s == 900
    assert "failed to request" in refusal.value.answer


def test_a_tunnel_that_ends_by_itself_is_given_up(tmp_path: Path, video: Path) -> None:
    program = Program(tmp_path / "bin", "dies")
    with pytest.raises(TransientError, match="ended unexpectedly"), tunnel(program.path)(video):
        pass
    assert program.has_gone()


def test_a_tunnel_that_nobody_reaches_is_given_up_in_time(tmp_path: Path, video: Path) -> None:
    program, clock = Program(tmp_path / "bin", "works"), QuickClock()

    def reaches(_url: str) -> bool:
        clock.is_over = True
        return False

    given_up = pytest.raises(TransientError, match="does not answer from outside within 20 s")
    with given_up, tunnel(program.path, clock=clock, deadline_s=20, reaches=reaches)(video):
        pass
    assert program.has_gone()


def test_a_tunnel_that_is_never_ready_is_given_up_in_time(tmp_path: Path, video: Path) -> None:
    program = Program(tmp_path / "bin", "never_ready")

    class Clock(QuickClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.is_over = (program.folder / "asked").exists()

    given_up = pytest.raises(TransientError, match=f"{NAME} never got a connection within 20 s")
    with given_up, tunnel(program.path, clock=Clock(), deadline_s=20)(video):
        pass
    assert program.has_gone()
