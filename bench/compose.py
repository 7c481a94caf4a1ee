"""Composition against its bars: `python -m bench.compose`.

Three segments become one loudness-normalised video of 720x1280 with nothing drawn on top, in two comparisons, each on
the same inputs and in one run:

- equal work: landscape footage is cropped to 9:16, encoded once and brought to its loudness, by dayreel, by plain
  ffmpeg (two-pass loudnorm, the same encoder settings) and by MoviePy (which normalises to a peak, for want of a
  loudness). Bars: at most 1.1 times ffmpeg, at least 3 times faster than MoviePy.
- copied picture: the segments fit together, so dayreel copies the picture, which neither of the two would by itself.
  It is compared with (a) joining by stream copy plus one audio encode, (b) encoding everything again and (c) MoviePy.
  Bars: at most 1.5 times (a), at least 8 times faster than (c). What (a) does not do is measuring, before and after.

"peaky" sound (pink noise) needs the limiter too and is louder to encode than what (a) encodes: shown, with no bar.

Ratios are medians over turns; in each turn all contenders run one after the other, so that a busy machine meets all
of them (MoviePy, which takes minutes, in one). Bars are for processor time, of the process and its children.
"""

import argparse
import contextlib
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dayreel.media.compose import compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.ffmpeg_binary import find_ffmpeg

EQUAL_BARS = {"ffmpeg": 1.1, "moviepy": 1 / 3}
COPY_BARS = {"copy": 1.5, "moviepy": 1 / 8}
"""At most so many times what the contender takes."""
_LANDSCAPE, _UPRIGHT = "1280x720", "720x1280"
_SOUNDS = {
    "even": "aevalsrc='0.2*sin({f}*2*PI*t)*(0.7+0.3*sin(3*t))+0.1*sin({f}*5*PI*t)+0.02*random(0)':s=48000:d={d}",
    "peaky": "anoisesrc=d={d}:c=pink:a=0.1:r=48000:seed={f},tremolo=f=2",
}


@dataclass(frozen=True)
class Cost:
    """Seconds, of this process and its children together, and on the wall."""

    cpu_s: float
    wall_s: float


Work = Callable[[], object]


def main() -> None:
    """Measure, print a table each and end with code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each segment")
    arguments = parser.parse_args(sys.argv[1:] if sys.argv[0].endswith("compose.py") else [])
    with tempfile.TemporaryDirectory() as name:
        folder, ffmpeg = Path(name), find_ffmpeg()
        plan = ComposePlan(segment_duration_s=arguments.seconds)
        wide = sources(folder, ffmpeg, _LANDSCAPE, "even", arguments.seconds)
        held = [_compare("equal work: crop, encode, loudness", equal_work(wide, plan, ffmpeg), EQUAL_BARS, arguments)]
        for sound, bars in (("even", COPY_BARS), ("peaky", {})):
            upright = sources(folder, ffmpeg, _UPRIGHT, sound, arguments.seconds)
            held.append(_compare(f"copied picture, {sound} sound", copied(upright, plan, ffmpeg), bars, arguments))
    if not all(held):
        raise SystemExit(1)


def equal_work(segments: list[Path], plan: ComposePlan, ffmpeg: Path) -> dict[str, Work]:
    """Return who does the same work, by name; each writes `<name>.mp4` beside the segments."""
    out = segments[0].parent
    return {
        "dayreel": lambda: compose(segments, out / "dayreel.mp4", plan=plan, ffmpeg=ffmpeg),
        "ffmpeg": lambda: _plain_ffmpeg(segments, out / "ffmpeg.mp4", plan, ffmpeg),
        "moviepy": lambda: _moviepy(segments, out / "moviepy.mp4", plan),
    }


def copied(segments: list[Path], plan: ComposePlan, ffmpeg: Path) -> dict[str, Work]:
    """Return dayreel with a copied picture, and what it is held against."""
    out = segments[0].parent
    listed = out / "segments.txt"
    listed.write_text("".join(f"file '{path.name}'\n" for path in segments))
    join = ["-f", "concat", "-i", str(listed)]
    return {
        "dayreel": lambda: compose(segments, out / "dayreel.mp4", plan=plan, ffmpeg=ffmpeg),
        "copy": lambda: _run(ffmpeg, [*join, "-c:v", "copy", *_sound(plan), str(out / "copy.mp4")]),
        "encode": lambda: _run(ffmpeg, [*join, *_encoder(plan), *_sound(plan), str(out / "encode.mp4")]),
        "moviepy": lambda: _moviepy(segments, out / "moviepy.mp4", plan),
    }


def sources(folder: Path, ffmpeg: Path, size: str, sound: str, seconds: float) -> list[Path]:
    """Make three segments of one codec."""
    made = []
    for number in (1, 2, 3):
        made.append(folder / f"{size}{sound}{number}.mp4")
        picture = f"testsrc2=s={size}:r=24:d={seconds},hue=h={number * 30}"
        heard = _SOUNDS[sound].format(f=220 * number, d=seconds)
        encode = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac", "-ac", "2"]
        _run(ffmpeg, ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", heard, *encode, str(made[-1])])
    return made


def _compare(
    title: str, contenders: Mapping[str, Work], bars: Mapping[str, float], arguments: argparse.Namespace
) -> bool:
    costs = _measure(contenders, arguments.rounds)
    print(f"{title}: 3 x {arguments.seconds:g} s, {_UPRIGHT}")
    print(f"  {'':10}{'cpu s':>8}{'wall s':>8}{'cpu, dayreel/it':>18}{'wall, dayreel/it':>18}{'bar':>8}")
    held = True
    for name, taken in costs.items():
        pairs = list(zip(costs["dayreel"], taken, strict=False))
        cpu = statistics.median(mine.cpu_s / its.cpu_s for mine, its in pairs)
        wall = statistics.median(mine.wall_s / its.wall_s for mine, its in pairs)
        seconds = [statistics.median(getattr(cost, kind) for cost in taken) for kind in ("cpu_s", "wall_s")]
        bar = bars.get(name)
        verdict = "" if bar is None else f"{bar:8.3f} {'holds' if cpu <= bar else 'MISSED'}"
        print(f"  {name:10}{seconds[0]:8.3f}{seconds[1]:8.3f}{cpu:18.3f}{wall:18.3f}{verdict}")
        held = held and (bar is None or cpu <= bar)
    print(flush=True)
    return held


def _measure(contenders: Mapping[str, Work], rounds: int) -> dict[str, list[Cost]]:
    """Run the contenders in turn; a turn before the first, in which files come to be in memory, does not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, work in contenders.items():
            if name == "moviepy" and turn != 1:
                continue
            cost = cost_of(work)
            if turn > 0:
                costs[name].append(cost)
    return costs


def cost_of(work: Work) -> Cost:
    """Do the work and return what it cost."""
    cpu, wall = _cpu_s(), time.perf_counter()
    work()
    return Cost(_cpu_s() - cpu, time.perf_counter() - wall)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _encoder(plan: ComposePlan) -> list[str]:
    return ["-c:v", "libx264", "-preset", plan.preset, "-crf", str(plan.crf), "-pix_fmt", "yuv420p", "-g", "48"]


def _sound(plan: ComposePlan) -> list[str]:
    return ["-c:a", "aac", "-b:a", str(plan.audio_bit_rate), "-ar", "48000", "-movflags", "+faststart"]


def _plain_ffmpeg(segments: list[Path], out: Path, plan: ComposePlan, ffmpeg: Path) -> None:
    """Do as FFmpeg's documentation says: measure with loudnorm, then crop, encode and apply what was measured."""
    inputs = [argument for path in segments for argument in ("-i", str(path))]
    numbers = range(len(segments))
    heard = "".join(f"[{n}:a]" for n in numbers) + f"concat=n={len(segments)}:v=0:a=1"
    loudnorm = f"loudnorm=I={plan.loudness_lufs}:TP={plan.true_peak_dbtp}"
    first = [*inputs, "-filter_complex", f"{heard},{loudnorm}:print_format=json", "-vn", "-f", "null", "-"]
    words = _run(ffmpeg, first, loglevel="info")
    measured = json.loads(words[words.rindex("{") : words.rindex("}") + 1])
    known = ":".join(
        f"measured_{ours}={measured[f'input_{its}']}"
        for ours, its in (("I", "i"), ("TP", "tp"), ("LRA", "lra"), ("thresh", "thresh"))
    )
    shown = "".join(
        f"[{n}:v]scale=-2:{plan.height}:flags=bicubic,crop={plan.width}:{plan.height},setsar=1[v{n}];" for n in numbers
    )
    joined = "".join(f"[v{n}]" for n in numbers) + f"concat=n={len(segments)}:v=1:a=0[v]"
    levelled = f"{heard},{loudnorm}:{known}:offset={measured['target_offset']}:linear=true[a]"
    graph = ["-filter_complex", f"{shown}{joined};{levelled}", "-map", "[v]", "-map", "[a]"]
    _run(ffmpeg, [*inputs, *graph, *_encoder(plan), *_sound(plan), str(out)])


def _run(ffmpeg: Path, arguments: list[str], loglevel: str = "error") -> str:
    command = [str(ffmpeg), "-nostdin", "-hide_banner", "-v", loglevel, "-y", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def _moviepy(segments: list[Path], out: Path, plan: ComposePlan) -> None:
    from moviepy import VideoFileClip, afx, concatenate_videoclips

    clips = [VideoFileClip(str(path)) for path in segments]
    upright = [clip if clip.size == [plan.width, plan.height] else clip.resized(height=plan.height) for clip in clips]
    cropped = [clip.cropped(x_center=clip.w / 2, width=plan.width) if clip.w > plan.width else clip for clip in upright]
    with contextlib.redirect_stdout(io.StringIO()):
        joined = concatenate_videoclips(cropped).with_effects([afx.AudioNormalize()])
        joined.write_videofile(
            str(out),
            codec="libx264",
            preset=plan.preset,
            ffmpeg_params=["-crf", str(plan.crf)],
            audio_codec="aac",
            audio_bitrate=f"{plan.audio_bit_rate // 1000}k",
            logger=None,
            temp_audiofile_path=str(out.parent),
        )
    for clip in clips:
        clip.close()


if __name__ == "__main__":
    main()
