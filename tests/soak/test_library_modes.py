"""What a target of VMAF saves on films as cameras, discs and screens make them, measured on the whole of each.

The set is made here: pictures of natural spectrum with grain, pans and a speaker, and a screen that scrolls, each as
the device that it stands for encodes. Films whose grain is kept at more bits hardly shrink, because VMAF wants
the grain back: those stay as they are, which is what `min_saving` is for. `DAYREEL_SOAK_FOOTAGE` names a folder of real
files to be added.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import ffmpeg as graph
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dayreel.clock import SystemClock
from dayreel.footage.media.encoders import choose_encoder
from dayreel.footage.media.target_quality import decide_quality
from dayreel.footage.media.transcode import plan_picture, shown_picture, transcode
from dayreel.footage.schemas.library import TranscodePlan, VideoPreset
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.media.run import run_ffmpeg
from dayreel.rules.footage_files import is_footage
from tests.unit.media.films import FILMS, Film, make_base

FFMPEG = find_ffmpeg()
WIDTH, HEIGHT, RATE, SECONDS = 384, 216, 25, 12
LENS = 0.22
"""Cycles a pixel at which it passes a third. x264 at CRF 23 then takes 0.06 to 0.1 bits a pixel, as of 1080p films."""
TARGET = 95.0
MUST_SAVE = 0.4
Picture = NDArray[np.float64]


@dataclass(frozen=True)
class Device:
    """How films of a device are encoded: for the speed of a chip, at the quantizers that these use."""

    suffix: str
    codec: str
    options: dict[str, str]


PHONE = Device(".mp4", "libx264", {"preset": "superfast", "crf": "20", "g": "30", "bf": "0"})
CAMERA = Device(".mts", "libx264", {"preset": "ultrafast", "crf": "19", "g": "12"})
DISC = Device(".vob", "mpeg2video", {"flags": "+qscale", "global_quality": str(3 * 118), "g": "12"})
SCREEN = Device(".mkv", "libx264", {"preset": "veryfast", "crf": "16", "g": "250"})


def natural(rng: np.random.Generator, height: int, width: int) -> Picture:
    """A picture whose spectrum falls as those of photographs do, as soft at each pixel as 1080p from a lens is."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    away = np.hypot(down, across)
    spectrum = rng.standard_normal((height, width)) + 1j * rng.standard_normal((height, width))
    lens = np.exp(-((away / LENS) ** 2))
    picture = np.real(np.fft.ifft2(spectrum * lens / np.maximum(1 / max(height, width), away) ** 1.2))
    return np.asarray((picture - picture.min()) / np.ptp(picture) * 200 + 28)


@cache
def grain(height: int, width: int) -> tuple[Picture, ...]:
    """Noise as it is left by a camera's own denoiser: soft, one level strong."""
    rng = np.random.default_rng(3)
    away = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    soft = [
        np.real(np.fft.ifft2(np.fft.fft2(rng.normal(0, 1, away.shape)) * np.exp(-((away / LENS) ** 2))))
        for _ in range(16)
    ]
    return tuple(np.asarray(each / each.std()) for each in soft)


def grainy(picture: Picture, level: float, rng: np.random.Generator) -> Picture:
    noise = grain(*picture.shape)[int(rng.integers(16))]
    return picture + level * np.roll(noise, tuple(rng.integers(0, 200, 2)), (0, 1))


def speaker(rng: np.random.Generator) -> Iterator[Picture]:
    room, face = natural(rng, HEIGHT, WIDTH), natural(rng, 100, 76)
    oval = np.hypot(*np.meshgrid(np.linspace(-1, 1, 76), np.linspace(-1, 1, 100))) < 1
    for n in range(RATE * SECONDS):
        picture = room.copy()
        top, left = 40 + round(5 * np.sin(n / 9)), 120 + round(10 * np.sin(n / 23))
        part = picture[top : top + 100, left : left + 76]
        part[oval] = face[oval] * 0.6 + 70
        mouth = 3 + round(5 * abs(np.sin(n / 3)))
        part[70 : 70 + mouth, 28:48] = 50
        yield grainy(picture, 1.0, rng)


def pan(rng: np.random.Generator) -> Iterator[Picture]:
    scene = natural(rng, HEIGHT, WIDTH + 2 * RATE * SECONDS)
    for n in range(RATE * SECONDS):
        yield grainy(scene[:, 2 * n : 2 * n + WIDTH], 1.2, rng)


def cuts(rng: np.random.Generator) -> Iterator[Picture]:
    for n in range(RATE * SECONDS):
        if n % 50 == 0:
            scene, thing = natural(rng, HEIGHT + 120, WIDTH + 200), natural(rng, 40, 60)
        k = n % 50
        picture = scene[k : k + HEIGHT, 2 * k : 2 * k + WIDTH].copy()
        picture[60 + k : 100 + k, 255 - 5 * k : 315 - 5 * k] = thing
        yield grainy(picture, 1.6, rng)


def screen(rng: np.random.Generator) -> Iterator[Picture]:
    page = Image.new("L", (WIDTH, HEIGHT + 4 * RATE * SECONDS), 250)
    draw = ImageDraw.Draw(page)
    for line in range(page.height // 14):
        words = " ".join("x" * int(size) for size in rng.integers(1, 9, 9))
        draw.text((16, line * 14), words, fill=int(rng.integers(0, 90)))
    whole = np.asarray(page, dtype=float)
    for n in range(RATE * SECONDS):
        top = 4 * min(n % 100, 60) + 4 * 60 * (n // 100)  # scrolls, and is read
        picture = whole[top : top + HEIGHT].copy()
        picture[80:92, (3 * n) % 300 : (3 * n) % 300 + 8] = 0
        yield picture


SET: tuple[tuple[str, Callable[[np.random.Generator], Iterator[Picture]], Device], ...] = (
    ("speaker_phone", speaker, PHONE),
    ("pan_phone", pan, PHONE),
    ("cuts_phone", cuts, PHONE),
    ("pan_camera", pan, CAMERA),
    ("cuts_disc", cuts, DISC),
    ("speaker_disc", speaker, DISC),
    ("screen", screen, SCREEN),
)


def write(folder: Path, name: str, pictures: Iterator[Picture], device: Device) -> Path:
    path = folder / f"{name}{device.suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(device.codec, rate=RATE, options=device.options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for n, picture in enumerate(pictures):
            grey = np.clip(picture, 0, 255).astype(np.uint8)
            colours = np.stack([grey, np.roll(grey, 7, 1), np.roll(grey, 9, 0)], axis=2)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(colours), format="rgb24")
            frame.pts = n
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return path


def made_here(folder: Path, name: str) -> Path:
    pictures, device = next((make, device) for own, make, device in SET if own == name)
    return write(folder, name, pictures(np.random.default_rng(7)), device)


def whole_vmaf(source: Path, made: Path, plan: TranscodePlan, folder: Path) -> float:
    """Measure every picture of the whole film, not of samples, by what is shown of each source."""
    facts, log = probe(source), folder / "whole.json"
    planned = plan_picture(facts, plan)

    def counted(node: object) -> object:
        return node.filter("format", planned.pix_fmt).filter("settb", "1/25").filter("setpts", "N")  # type: ignore[attr-defined]

    pair = [counted(graph.input(str(made))["v"]), counted(shown_picture(facts, planned))]
    model = "version=vmaf_v0.6.1"
    compared = graph.filter(pair, "libvmaf", model=model, log_fmt="json", log_path=str(log), n_threads=2, shortest=1)
    run_ffmpeg(graph.output(compared, "-", f="null"), ffmpeg=FFMPEG, doing="measure", folder=folder)
    result = json.loads(log.read_text())
    assert len(result["frames"]) >= (facts.best_video_stream().frames or 1) - 1
    return float(result["pooled_metrics"]["vmaf"]["mean"])


def real_footage() -> list[Path]:
    folder = os.environ.get("DAYREEL_SOAK_FOOTAGE")
    return sorted(path for path in Path(folder).iterdir() if is_footage(path)) if folder else []


Totals = dict[str, list[tuple[int, int]]]
PRESETS: tuple[VideoPreset, ...] = ("h265", "av1")
REAL = {path.name: path for path in real_footage()}
NAMES = [*(name for name, _, _ in SET), *REAL]


@pytest.fixture(scope="module")
def totals() -> Totals:
    """Sizes before and after, by preset."""
    return {}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", NAMES)
def test_each_film_keeps_its_looks(
    tmp_path: Path, figure: Callable[[str], None], totals: Totals, preset: VideoPreset, name: str
) -> None:
    plan = TranscodePlan(preset=preset, target_vmaf=TARGET, min_saving=0.1, efficient_bits_per_pixel=0.05)
    chosen, clock = choose_encoder(plan, ffmpeg=FFMPEG), SystemClock()
    source = REAL.get(name) or made_here(tmp_path, name)
    size = source.stat().st_size
    verdict = decide_quality(source, plan, chosen, scratch=tmp_path, report=lambda *_: None, ffmpeg=FFMPEG)
    if verdict.quality is None:
        totals.setdefault(preset, []).append((size, size))
        figure(f"{size} bytes: {verdict.reason} ({verdict.seconds} s)")
        return
    began = clock.monotonic()
    as_found = plan.model_copy(update={"target_vmaf": None, "quality": verdict.quality})
    made = transcode(source, tmp_path / "made.mkv", as_found, ffmpeg=FFMPEG)
    took_s = clock.monotonic() - began
    vmaf = whole_vmaf(source, made.path, as_found, tmp_path)
    totals.setdefault(preset, []).append((size, made.size_bytes))
    tried = ", ".join(f"{measure.quality}: {measure.vmaf}" for measure in verdict.measures)
    figure(
        f"{size} -> {made.size_bytes} ({1 - made.size_bytes / size:.0%} saved, "
        f"{1 - (verdict.predicted_bytes or 0) / size:.0%} predicted), VMAF {vmaf:.2f} at {verdict.quality} "
        f"(tried {tried}), search {verdict.seconds:.0f} s, encode {took_s:.0f} s"
    )
    assert vmaf >= TARGET


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_encoded_saves_forty_percent(
    totals: Totals, figure: Callable[[str], None], preset: VideoPreset
) -> None:
    before, after = (sum(sizes) for sizes in zip(*totals[preset], strict=True))
    figure(f"all {len(totals[preset])} films: {before} -> {after}, {1 - after / before:.0%} saved")
    encoded = [sizes for sizes in totals[preset] if sizes[0] != sizes[1]]
    before, after = (sum(sizes) for sizes in zip(*encoded, strict=True))
    figure(f"the {len(encoded)} that did not stay: {before} -> {after}, {1 - after / before:.0%} saved")
    assert 1 - after / before >= MUST_SAVE


@pytest.mark.parametrize("odd", FILMS, ids=lambda odd: odd.name)
def test_samples_of_odd_films_are_like_themselves(tmp_path: Path, figure: Callable[[str], None], odd: Film) -> None:
    source = odd.make(FFMPEG, make_base(tmp_path / "base.mkv"), tmp_path)
    plan = TranscodePlan(preset="h264", target_vmaf=90.0)
    chosen = choose_encoder(plan, ffmpeg=FFMPEG)
    verdict = decide_quality(source, plan, chosen, scratch=tmp_path, report=lambda *_: None, ffmpeg=FFMPEG)
    best = max(measure.vmaf or 0.0 for measure in verdict.measures)
    figure(f"VMAF {best:.1f}")
    assert best >= 90.0
