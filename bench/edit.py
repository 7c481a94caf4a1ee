"""An edit against its bar: `python -m bench.edit`.

Composes 3 x 5 s at 720x1280 with crossfades, a LUT and music under the segments' own sound, and compares it, in pairs
of one run on the same inputs, with plain ffmpeg doing the same work by hand: one pass to measure the sound, one that
renders everything. Bar: at most 1.2 times its processor time.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.compose import Cost, cost_of, sources
from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan, Music, TransitionPlan
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.grade import Grade, write_lut

MOST_TIMES_FFMPEG = 1.2
_OVERLAP_S = 0.5


def main() -> None:
    """Measure, print the figures and end with code 1 when the bar is missed."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args(sys.argv[1:] if sys.argv[0].endswith("edit.py") else []).rounds
    ffmpeg = find_ffmpeg()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments = sources(folder, ffmpeg, "720x1280", "even", 5.0)
        music = folder / "music.m4a"
        _run(ffmpeg, "-f", "lavfi", "-i", "sine=f=440:d=20", "-c:a", "aac", str(music))
        plan = ComposePlan(
            segment_duration_s=5.0,
            transition=TransitionPlan("crossfade", _OVERLAP_S),
            grade=Grade("film"),
            music=Music(music),
        )
        lut = write_lut(Grade("film"), folder)
        pairs = [
            (
                cost_of(lambda: compose(segments, folder / "ours.mp4", plan=plan, ffmpeg=ffmpeg)),
                cost_of(lambda: _by_hand(ffmpeg, segments, music, lut, plan, folder / "plain.mp4")),
            )
            for _ in range(rounds + 1)
        ][1:]
    times = statistics.median(mine.cpu_s / its.cpu_s for mine, its in pairs)
    mine, its = (_middle([pair[side] for pair in pairs]) for side in (0, 1))
    verdict = "holds" if times <= MOST_TIMES_FFMPEG else "MISSED"
    print("an edit of 3 x 5 s, 720x1280: crossfades, LUT, music, loudness")
    print(
        f"  dayreel {mine.cpu_s:.2f} cpu s, {mine.wall_s:.2f} s; plain ffmpeg {its.cpu_s:.2f} cpu s, {its.wall_s:.2f} s"
    )
    print(f"  {times:.2f} x plain ffmpeg, median of {len(pairs)} pairs (bar {MOST_TIMES_FFMPEG}): {verdict}")
    if times > MOST_TIMES_FFMPEG:
        raise SystemExit(1)


def _middle(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(cost.cpu_s for cost in costs), statistics.median(cost.wall_s for cost in costs))


def _by_hand(ffmpeg: Path, segments: list[Path], music: Path, lut: Path, plan: ComposePlan, out: Path) -> None:
    inputs = [part for path in (*segments, music) for part in ("-i", str(path))]
    total_s = 5 * len(segments) - _OVERLAP_S * (len(segments) - 1)
    sound = (
        f"[0:a][1:a]acrossfade=d={_OVERLAP_S}[a];[a][2:a]acrossfade=d={_OVERLAP_S}[own];"
        f"[3:a]atrim=end={total_s},volume=-12dB,afade=out:st={total_s - 1.5}:d=1.5[m];"
        "[own][m]amix=inputs=2:normalize=0"
    )
    answer = _run(ffmpeg, *inputs, "-filter_complex", f"{sound},ebur128=peak=sample:framelog=quiet", "-f", "null", "-")
    gain_db = plan.loudness_lufs - float(re.findall(r"I: +(-?[\d.]+) LUFS", answer)[-1])
    graded = "".join(f"[{n}:v]trim=end=5,fps=24,format=gbrp,lut3d={lut},format=yuv420p[v{n}];" for n in range(3))
    fades = [f"xfade=duration={_OVERLAP_S}:offset={n * (5 - _OVERLAP_S)}" for n in (1, 2)]
    picture = f"{graded}[v0][v1]{fades[0]}[x];[x][v2]{fades[1]}[v]"
    graph = f"{picture};{sound},volume={gain_db}dB[s]"
    encode = ["-c:v", "libx264", "-preset", plan.preset, "-crf", str(plan.crf), "-c:a", "aac", "-b:a", "128k"]
    _run(ffmpeg, *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "[s]", *encode, str(out))


def _run(ffmpeg: Path, *arguments: str) -> str:
    command = [str(ffmpeg), "-hide_banner", "-nostats", "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


if __name__ == "__main__":
    main()
