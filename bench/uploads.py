"""How much memory handing over a 1 GB video takes: `python -m bench.uploads`. Exit code 1 when it grows with the file.

Every way out takes the same real video twice, 32 MB and 1 GB of it padding that players skip (sparse, so that it costs
the disk nothing): the platforms by bytes, the folder for hand posting, the small server behind a tunnel, and Slack. The
vendors are the sandbox world in a process of its own. The measure is the peak of resident memory of this process, which
Linux resets between two ways; for Instagram it is 300 MB. `--large MB` changes the size.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import requests

from dayreel.clock import SystemClock
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.providers.platforms.contract import PostRequest
from dayreel.providers.public_urls.file_server import serve_file
from dayreel.sandbox.credentials import SANDBOX_CREDENTIALS
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named

MB = 1_000_000
SMALL_MB = 32
INSTAGRAM_MB = 299
MOST_GROWTH_MB = 24
FIELDS: dict[str, dict[str, Any]] = {
    "instagram": {"ai_disclosure": True},
    "tiktok": {"privacy": "SELF_ONLY", "ai_disclosure": True},
    "youtube": {"privacy": "private", "ai_disclosure": True},
    "outbox": {},
}


@dataclass(frozen=True)
class Way:
    """One way out: its name, how to take it, and the largest video it takes."""

    name: str
    take: Callable[[Path], object]
    most_mb: int


def main() -> int:
    """Measure each way with a small and a large video, print the table, and say whether memory stayed constant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=1000, metavar="MB")
    large_mb = parser.parse_args().large
    missed = 0
    with tempfile.TemporaryDirectory() as folder, sandbox(Path(folder) / "world") as url:
        root = Path(folder)
        small, access = make_video(root / "small.mp4", SMALL_MB), way_to(url, root)
        print("| way | video | peak, small | peak, large | grew by | took |\n|---|---|---|---|---|---|")
        for way in ways(access):
            size_mb = min(large_mb, way.most_mb)
            large = make_video(root / f"large-{size_mb}.mp4", size_mb)
            peak_small, _ = measure(way, small)
            peak_large, seconds = measure(way, large)
            grew = peak_large - peak_small
            missed += grew > MOST_GROWTH_MB
            print(
                f"| {way.name} | {size_mb} MB | {peak_small:.0f} MB | {peak_large:.0f} MB | {grew:+.1f} MB | "
                f"{seconds:.1f} s |",
                flush=True,
            )
    print(f"\nbar: at most {MOST_GROWTH_MB} MB more, whatever the size: {'held' if not missed else 'MISSED'}")
    return 1 if missed else 0


def ways(access: Access) -> list[Way]:
    """Return every way a video leaves by."""
    posts = [Way(name, partial(post, access, name), 10**6) for name in FIELDS]
    posts[0] = Way("instagram", posts[0].take, INSTAGRAM_MB)
    return [*posts, Way("file server", lambda video: fetch(video, access), 10**6), Way("slack", slack(access), 10**6)]


def post(access: Access, name: str, video: Path) -> object:
    """Post a video, as a new process would."""
    with video.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    marker = f"dr-{digest[:6]}"
    request = PostRequest(
        content_id=f"bench-2026-11-20-{video.stem}",
        video=video,
        video_sha256=digest,
        size_bytes=video.stat().st_size,
        duration_s=4.0,
        title="A bench",
        caption="A bench.",
        fields=FIELDS[name],
        marker=marker,
    )
    return (
        vendor_named(name).connect(access).post(permit("post", name), request, handle={}, record=lambda _handle: None)
    )


def fetch(video: Path, access: Access) -> int:
    """Serve a video and fetch it, as Instagram does, without keeping it."""
    with serve_file(video, clock=access.clock) as served:
        answer = requests.get(served.url, stream=True, timeout=60)
        return sum(len(piece) for piece in answer.iter_content(256 * 1024))


def slack(access: Access) -> Callable[[Path], object]:
    """Return how a preview gets into a thread."""
    client = vendor_named("slack").connect(access)
    handle = {"channel": SANDBOX_CREDENTIALS["SLACK_CHANNEL_ID"], "ts": "1.000001"}
    return lambda video: client.attach(permit("notification", "slack"), handle, video, marker="m/preview")


def permit(kind: Any, target: str) -> Permit:
    """Return a permit; in dayreel only the ledger makes one."""
    return Permit(1, EffectKey("bench-2026-11-20", kind, target, 1, "f" * 64), Decimal(0))


def measure(way: Way, video: Path) -> tuple[float, float]:
    """Return the peak of resident memory in MB, and the seconds it took."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    begun = time.monotonic()
    way.take(video)
    seconds = time.monotonic() - begun
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak) * 1024 / MB, seconds


def make_video(path: Path, size_mb: int) -> Path:
    """Write a real video of 4 s with a `free` box of zeros behind it, a hole on the disk, unless it is there."""
    if path.exists():
        return path
    picture, sound = "testsrc2=size=720x1280:rate=24:duration=4", "sine=frequency=440:duration=4"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    command = [str(find_ffmpeg()), "-v", "error", "-y", *inputs, *encode, "-movflags", "+faststart", str(path)]
    subprocess.run(command, check=True, timeout=60)
    padding = size_mb * MB - path.stat().st_size
    with path.open("ab") as file:
        file.write(padding.to_bytes(4, "big") + b"free")
        file.truncate(size_mb * MB)
    return path


def way_to(url: str, root: Path) -> Access:
    """Return the way to the sandbox world's vendors."""
    return Access("sandbox", SANDBOX_CREDENTIALS.get, url, SystemClock(), root)


@contextmanager
def sandbox(folder: Path) -> Iterator[str]:
    """Run the sandbox world in a process of its own until the block ends; gives its address."""
    command = [sys.executable, "-m", "dayreel.sandbox", "--root", str(folder), "--port", "0", "--preset", "audited"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
        yield url.rstrip("/.")
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
