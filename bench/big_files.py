"""What a film of 2 GB costs beside one of 20 MB: `python -m bench.big_files [--megabytes N]`.

Memory: hashing, decoding, cutting near the end and copying into Matroska, each in a process of its own; the peak of the
largest process, ffmpeg's included. Bar: at most 32 MB more than with the small film. Hashing: processor time against
`sha256sum` and wall time against `dd`, in turns, of a file that the system has in memory. Bar: 1.2 times `sha256sum`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dayreel.media.ffmpeg_binary import find_ffmpeg

MOST_GROWTH_MB = 32.0
MOST_TIMES_SHA256SUM = 1.2
_ROUNDS = 5
_FRAME_BYTES = 960 * 540 * 2
_HEAD = """
import sys
from pathlib import Path
film, out, at_s = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
from dayreel.footage.media.choose_streams import choose_streams
from dayreel.footage.media.transcode import EVERYTHING, rewrap
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import decode_fully, probe
from dayreel.media.segments import cut_segment
from dayreel.stores.files import sha256_of
"""
WORKS = {
    "hash": "sha256_of(film)",
    "decode": "decode_fully(film, with_sound=True)",
    "cut": "cut_segment(film, out, start_s=at_s, duration_s=0.5, width=360, height=640, fps=24, ffmpeg=find_ffmpeg())",
    "copy": "rewrap(film, out, choose_streams(probe(film), EVERYTHING), ffmpeg=find_ffmpeg())",
}


def main() -> None:
    """Measure, print a table and end with code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=2000)
    megabytes = parser.parse_args(sys.argv[1:] if sys.argv[0].endswith("big_files.py") else []).megabytes
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        small, large = (make_film(Path(name) / f"{size}.mov", size) for size in (20, megabytes))
        print(f"  {'':8}{'20 MB':>10}{f'{megabytes} MB':>10}  peak MB of the largest process")
        grown = []
        for work in WORKS:
            peaks = [peak_mb(work, film) for film in (small, large)]
            grown.append(peaks[1] - peaks[0])
            print(f"  {work:8}{peaks[0]:10.0f}{peaks[1]:10.0f}", flush=True)
        times = hashing(large)
        print(f"  hashing {megabytes} MB: {times[0]:.2f} x sha256sum's processor time, {times[1]:.2f} x dd's wall time")
    holds = max(grown) <= MOST_GROWTH_MB and times[0] <= MOST_TIMES_SHA256SUM
    print(f"  at most {max(grown):.0f} MB more (bar {MOST_GROWTH_MB:.0f}): {'holds' if holds else 'MISSED'}")
    if not holds:
        raise SystemExit(1)


def make_film(path: Path, megabytes: int) -> Path:
    """Write a film of about that size with pictures that nothing has compressed, 24 a second."""
    seconds = megabytes * 1_000_000 / _FRAME_BYTES / 24
    inputs = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=960x540:r=24",
        "-f",
        "lavfi",
        "-i",
        "sine=r=48000",
        "-t",
        f"{seconds:.3f}",
    ]
    encode = ["-c:v", "rawvideo", "-pix_fmt", "uyvy422", "-c:a", "pcm_s16le"]
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-nostdin", "-y", *inputs, *encode, str(path)], check=True)
    return path


def peak_mb(work: str, film: Path) -> float:
    """Return the peak of the largest process that doing that work with a film takes."""
    at_s = max(0.0, film.stat().st_size / _FRAME_BYTES / 24 - 1.0)
    report = (
        "\nimport resource\nprint(max(resource.getrusage(who).ru_maxrss for who in"
        " (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))"
    )
    out = film.with_name("out.mkv" if work == "copy" else "out.mp4")
    command = [sys.executable, "-c", _HEAD + WORKS[work] + report, str(film), str(out), f"{at_s:.3f}"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    out.unlink(missing_ok=True)
    return int(printed.split()[-1]) / 1024


def hashing(film: Path) -> tuple[float, float]:
    """Return how many times `sha256sum`'s processor time and `dd`'s wall time hashing takes."""
    from dayreel.stores.files import sha256_of

    copied = ["dd", f"if={film}", "of=/dev/null", "bs=1M", "status=none"]
    ours, theirs, reading = [], [], []
    for _ in range(_ROUNDS):
        ours.append(_cost(lambda: sha256_of(film)))
        theirs.append(_cost(lambda: subprocess.run(["sha256sum", str(film)], check=True, stdout=subprocess.DEVNULL)))
        reading.append(_cost(lambda: subprocess.run(copied, check=True)))
    return (
        statistics.median(mine[0] / its[0] for mine, its in zip(ours, theirs, strict=True)),
        statistics.median(mine[1] / its[1] for mine, its in zip(ours, reading, strict=True)),
    )


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    used, began = os.times(), time.perf_counter()
    work()
    now = os.times()
    return sum(now[:4]) - sum(used[:4]), time.perf_counter() - began


if __name__ == "__main__":
    main()
