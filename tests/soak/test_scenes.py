"""Footage of six rates in six containers, uneven and late too: every segment stays in the scene that it begins with."""

import subprocess
from collections.abc import Callable
from itertools import product
from pathlib import Path

import av

from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.media.scenes import find_scenes
from dayreel.media.segments import cut_segment
from dayreel.rules.in_points import by_scene

FFMPEG = find_ffmpeg()
SHOTS = (("red", 1.37), ("green", 2.013), ("blue", 1.71), ("red", 0.83), ("green", 2.4))
RATES = ("24", "25", "30000/1001", "30", "50", "60")
CONTAINERS = {
    "mp4": "-c:v libx264 -bf 3",
    "ts": "-c:v libx264 -output_ts_offset 3600",
    "mkv": "-c:v libx265 -x265-params log-level=error",
    "mov": "-c:v prores_ks",
    "avi": "-c:v mpeg4",
    "mpg": "-c:v mpeg2video",
}
LASTS_S = 1.0


def film(to: Path, rate: str, options: str, then: str = "null") -> Path:
    """Write shots of one colour each, with noise, that follow on cuts."""
    inputs = [
        argument
        for colour, lasts_s in SHOTS
        for argument in ("-f", "lavfi", "-i", f"color={colour}:s=90x160:r={rate}:d={lasts_s},noise=alls=12:allf=t")
    ]
    graph = ["-filter_complex", f"concat=n={len(SHOTS)}:v=1:a=0,{then}", *options.split()]
    subprocess.run([str(FFMPEG), "-v", "error", "-y", *inputs, *graph, str(to)], check=True)
    return to


def colours(path: Path) -> set[int]:
    """Return which of red, green and blue is strongest in the pictures of a film."""
    with av.open(str(path)) as container:
        return {
            int(frame.to_ndarray(format="rgb24")[20:-20].mean((0, 1)).argmax()) for frame in container.decode(video=0)
        }


def test_no_segment_leaves_its_scene(tmp_path: Path, figure: Callable[[str], None]) -> None:
    films = [
        film(tmp_path / f"{number}.{name}", rate, options)
        for number, (rate, (name, options)) in enumerate(product(RATES, CONTAINERS.items()))
    ]
    uneven = "-c:v libx264 -fps_mode vfr"
    films += [
        film(tmp_path / "uneven.mkv", "30", uneven, r"select=not(eq(mod(n\,7)\,3))*not(between(t\,2\,2.3))"),
        film(tmp_path / "late.mkv", "30", uneven, "setpts=PTS+0.8/TB"),
    ]
    wrong, cuts = [], 0
    for path in films:
        scenes_s, ends_s = find_scenes(path), probe(path).best_video_stream().ends_s
        for uses in range(3):
            start_s = by_scene(scenes_s, ends_s, LASTS_S, key=path.name, uses=uses).start_s
            segment = cut_segment(
                path,
                tmp_path / "cut.mp4",
                start_s=start_s,
                duration_s=LASTS_S,
                width=90,
                height=160,
                fps=30,
                ffmpeg=FFMPEG,
            )
            cuts += 1
            if len(scenes_s) != len(SHOTS) or len(colours(segment)) != 1:
                wrong.append(f"{path.name} from {start_s:.3f} s of scenes at {scenes_s}")
    figure(f"{cuts} cuts of {len(films)} films, {len(wrong)} leave their scene")
    assert not wrong
