"""Procedural clips: what the stand-in video models hand out. Distinct per prompt, with sound, labelled SIMULATED.

Rendered small with ffmpeg sources and scaled up, so that five seconds of 720x1280 cost well under a second of CPU.
All clips of one size share their codec parameters, so that they can be joined without encoding.
"""

import asyncio
import colorsys
import contextlib
import hashlib
import os
import random
import subprocess
import textwrap
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import imageio_ffmpeg
from PIL import Image, ImageDraw, ImageFont
from starlette.responses import FileResponse, Response

from dayreel.errors import MediaError
from dayreel.sandbox.wire import Call

FPS: Final = 24
FAULTS: Final = {
    "stuck": ("submit", "status"),
    "completed_with_error": ("submit", "status"),
    "truncated_file": ("file",),
    "no_video": ("file",),
}
"""Kinds of faults that the stand-ins of video models show, and on which of their routes."""
METADATA_COMMENT: Final = "dayreel-sandbox"
_SLOTS: Final = threading.BoundedSemaphore(2)
_LEVELS: Final = {480: "3.0", 720: "3.1", 1080: "4.0"}


@dataclass(frozen=True, slots=True)
class ClipWish:
    """What a clip is rendered from; equal wishes give the same file.

    Args:
        prompt: what it should show.
        seed: the model's seed.
        width: pixels.
        height: pixels.
        duration_s: exact length.
        has_video: False gives a file with sound only, as a broken result would be.
        has_audio: False gives a silent file without an audio stream.
    """

    prompt: str
    seed: int
    width: int = 720
    height: int = 1280
    duration_s: int = 5
    has_video: bool = True
    has_audio: bool = True

    @property
    def key(self) -> str:
        """The name it is cached under."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:32]


_SMALLEST: Final = 480
_LARGEST: Final = 1080


def frame_size(resolution: str, aspect_ratio: str) -> tuple[int, int]:
    """Return `(width, height)` of a resolution such as `720p` in an aspect ratio such as `9:16`, 1080p at the most."""
    digits = resolution.removesuffix("p")
    short = min(int(digits), _LARGEST) if digits.isdigit() else _LARGEST
    wide, high = map(int, (aspect_ratio if ":" in aspect_ratio else "16:9").split(":"))
    long = 832 if short == _SMALLEST else round(short * max(wide, high) / min(wide, high) / 16) * 16
    if wide == high:
        return short, short
    return (long, short) if wide > high else (short, long)


def render(wish: ClipWish, folder: Path) -> Path:
    """Return the clip of a wish, rendering it unless it is in `folder` already.

    Raises:
        MediaError: ffmpeg could not render it.
    """
    final = folder / f"{wish.key}.mp4"
    if final.exists():
        return final
    folder.mkdir(parents=True, exist_ok=True)
    with _SLOTS:
        if final.exists():
            return final
        working = folder / f".{wish.key}.{os.getpid()}.{threading.get_ident()}.mp4"
        label = working.with_suffix(".png")
        try:
            if wish.has_video:
                draw_label(wish, label)
            _ffmpeg(arguments(wish, label, working), what=f"render the simulated clip {wish.key!r}")
            working.replace(final)
        finally:
            label.unlink(missing_ok=True)
            working.unlink(missing_ok=True)
    return final


def is_rendered(wish: ClipWish, folder: Path) -> bool:
    """Return whether the clip of a wish is in `folder`."""
    return (folder / f"{wish.key}.mp4").exists()


class Renderings:
    """Clips that are rendered in the background, each once. A restart loses them: who finds none begins it again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, wish: ClipWish, folder: Path) -> None:
        """Render a clip, unless it is being rendered."""

        async def work() -> None:
            with contextlib.suppress(FileNotFoundError):  # the world was reset, and its folder with it, meanwhile
                await asyncio.to_thread(render, wish, folder)

        if wish.key not in self._tasks:
            self._tasks[wish.key] = asyncio.create_task(work())
            self._tasks[wish.key].add_done_callback(lambda _task: self._tasks.pop(wish.key, None))


async def deliver(call: Call, wish: ClipWish, folder: Path) -> Response:
    """Return the clip of a wish as a file; what an armed fault is about, it is like."""
    if call.has("no_video"):
        wish = replace(wish, has_video=False, has_audio=True)
    path = await asyncio.to_thread(render, wish, folder)
    if call.has("truncated_file"):
        whole = path.read_bytes()
        return Response(whole[: len(whole) // 2], media_type="video/mp4")
    return FileResponse(path, media_type="video/mp4")


def run_ffmpeg(arguments_: list[str], *, what: str, data: bytes | None = None) -> bytes:
    """Run ffmpeg and return what it wrote to its standard output.

    Raises:
        MediaError: it failed; the sentence holds its last words.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", "error", "-y", *arguments_]
    if data is not None:
        command.remove("-nostdin")
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode:
        raise MediaError(f"Tried to {what}; ffmpeg said: {done.stderr.decode(errors='replace')[-400:].strip()}.")
    return done.stdout


def _ffmpeg(arguments_: list[str], *, what: str) -> None:
    run_ffmpeg(arguments_, what=what)


def arguments(wish: ClipWish, label: Path, target: Path) -> list[str]:
    """Return ffmpeg's arguments for a wish."""
    dice = random.Random(f"{wish.prompt}\n{wish.seed}")
    inputs: list[str] = []
    graph: list[str] = []
    maps: list[str] = []
    if wish.has_video:
        sources, graph_video = _picture(dice, wish)
        inputs += [*sources, "-i", str(label)]
        graph.append(graph_video)
        maps += ["-map", "[v]", *_video_codec(wish)]
    if wish.has_audio:
        graph.append(_sound(dice, wish.duration_s))
        maps += ["-map", "[a]", "-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2"]
    tags = ["-metadata", f"comment={METADATA_COMMENT}", "-metadata", f"description=SIMULATED seed {wish.seed}"]
    exact = ["-t", str(wish.duration_s), "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
    return [
        *("-filter_threads", "1", "-filter_complex_threads", "1"),
        *inputs,
        "-filter_complex",
        ";".join(graph),
        *maps,
        *exact,
        *tags,
        *("-movflags", "+faststart", str(target)),
    ]


def _video_codec(wish: ClipWish) -> list[str]:
    """One fixed set of parameters per size; ultrafast with High's tools put back, which costs next to nothing."""
    level = _LEVELS.get(min(wish.width, wish.height), "4.0")
    return [
        *("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "high", "-level", level),
        *("-x264-params", "8x8dct=1:cabac=1:open-gop=0:scenecut=0", "-crf", "24", "-g", str(2 * FPS)),
        *("-pix_fmt", "yuv420p", "-r", str(FPS), "-video_track_timescale", "12288"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"),
    ]


def _palette(dice: random.Random, count: int) -> list[str]:
    """Colours that sit well together: one hue, its neighbours and one far away, never near black."""
    hue = dice.random()
    colours = []
    for index in range(count):
        is_accent = index == count - 1
        step = dice.uniform(0.4, 0.6) if is_accent else dice.uniform(-0.09, 0.09)
        saturation = dice.uniform(0.25, 0.5) if is_accent else dice.uniform(0.35, 0.75)
        rgb = colorsys.hsv_to_rgb((hue + step) % 1, saturation, dice.uniform(0.5, 0.95))
        colours.append("0x" + "".join(f"{round(part * 255):02x}" for part in rgb))
    return colours


def _picture(dice: random.Random, wish: ClipWish) -> tuple[list[str], str]:
    """Return the ffmpeg inputs and the graph that ends in `[v]`: a moving gradient under a moving texture."""
    small_w, small_h = max(90, wish.width // 6 // 2 * 2), max(90, wish.height // 6 // 2 * 2)
    common = f"s={small_w}x{small_h}:r={FPS}"
    colours = _palette(dice, dice.choice((3, 4, 5)))
    points = f"x0={dice.randrange(small_w)}:y0={dice.randrange(small_h)}"
    points += f":x1={dice.randrange(small_w)}:y1={dice.randrange(small_h)}"
    base = (
        f"gradients={common}:n={len(colours)}:{points}:seed={dice.randrange(2**31)}"
        f":speed={dice.uniform(0.012, 0.04):.4f}:type={dice.choice(('linear', 'radial', 'circular', 'spiral'))}:"
        + ":".join(f"c{index}={colour}" for index, colour in enumerate(colours))
    )
    texture = dice.choice(("perlin", "perlin", "cells", "life"))
    seed = dice.randrange(2**31)
    if texture == "perlin":
        scale = dice.uniform(2.5, 9)
        over = (
            f"perlin={common}:octaves={dice.choice((1, 2, 3))}:xscale={scale:.2f}"
            f":yscale={scale * dice.uniform(0.4, 1.6):.2f}:tscale={dice.uniform(0.5, 1.4):.2f}"
            f":random_mode=seed:seed={seed}"
        )
    elif texture == "cells":
        rule = dice.choice((30, 90, 110, 150, 54, 22))
        over = f"cellauto=s={small_w // 3}x{small_h // 3}:r={FPS}:rule={rule}:seed={seed}:scroll=1"
    else:
        over = (
            f"life=s={small_w // 3}x{small_h // 3}:r={FPS}:mold=6:seed={seed}:ratio=0.35"
            ":life_color=white:death_color=0x404040:mold_color=0x101010"
        )
    mode = dice.choice(("softlight", "overlay", "softlight"))
    opacity = 0.85 if texture == "perlin" else 0.4
    graph = (
        f"[1:v]scale={small_w}:{small_h}:flags=bilinear,gblur=sigma={1.2 if texture == 'perlin' else 2.2},"
        f"format=gbrp[t];[0:v]format=gbrp[g];[g][t]blend=all_mode={mode}:all_opacity={opacity},"
        f"scale={wish.width}:{wish.height}:flags=bilinear:out_color_matrix=bt709:out_range=tv,format=yuv420p[m];"
        f"[m][2:v]overlay=0:{min(wish.width, wish.height) // 9}:format=yuv420,setsar=1[v]"
    )
    return ["-f", "lavfi", "-i", base, "-f", "lavfi", "-i", over], graph


def _sound(dice: random.Random, duration_s: int) -> str:
    """Return the graph that ends in `[a]`: two soft tones a pleasant interval apart over filtered noise."""
    root = dice.choice((196.0, 220.0, 246.9, 261.6, 293.7, 329.6))
    other = root * dice.choice((1.25, 4 / 3, 1.5, 5 / 3))
    common = f"sample_rate=48000:duration={duration_s}"
    tremolo = dice.uniform(0.15, 0.6)
    low, high = dice.choice(((300, 2400), (800, 5200), (1500, 7000), (500, 3600)))
    seed = dice.randrange(2**31)
    band = f"highpass=f={low},lowpass=f={high},tremolo=f={dice.uniform(1.2, 5):.2f}:d=0.7"
    return ";".join(
        (
            f"sine=frequency={root:.2f}:{common},tremolo=f={tremolo:.3f}:d=0.5,volume=0.55[tone0]",
            f"sine=frequency={other:.2f}:{common},tremolo=f={tremolo * 1.3:.3f}:d=0.6,volume=0.45[tone1]",
            f"anoisesrc=color=pink:seed={seed}:{common}:amplitude=0.35,{band},asplit=2[noise0][noise1]",
            "[tone0][noise0]amix=inputs=2:normalize=0[left]",
            "[tone1][noise1]amix=inputs=2:normalize=0[right]",
            "[left][right]join=inputs=2:channel_layout=stereo,volume=1.6[a]",
        )
    )


def draw_label(wish: ClipWish, target: Path) -> None:
    """Draw the transparent strip that says SIMULATED and what was asked for; a strip, as overlays cost by area."""
    unit = min(wish.width, wish.height) / 720
    image = Image.new("RGBA", (wish.width, round(190 * unit)), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    title = ImageFont.load_default(size=round(34 * unit))
    small = ImageFont.load_default(size=round(19 * unit))
    margin = round(28 * unit)
    top = round(20 * unit)
    box = pen.textbbox((margin * 1.6, top), "SIMULATED", font=title)
    pen.rounded_rectangle(
        (margin, box[1] - margin * 0.5, box[2] + margin * 0.6, box[3] + margin * 0.5),
        radius=margin * 0.5,
        fill=(0, 0, 0, 120),
    )
    pen.text((margin * 1.6, top), "SIMULATED", font=title, fill=(255, 255, 255, 235))
    label = " ".join(wish.prompt.split()).encode("ascii", "replace").decode()
    lines = textwrap.wrap(label, 58)[:2]
    pen.multiline_text(
        (margin, box[3] + margin),
        "\n".join(lines),
        font=small,
        fill=(255, 255, 255, 190),
        stroke_width=1,
        stroke_fill=(0, 0, 0, 110),
    )
    image.save(target, compress_level=1)
