"""The number for the encoder is searched by VMAF of samples, within bounds; what is efficient stays as it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dayreel.footage.media.encoders import SOFTWARE, ChosenEncoder
from dayreel.footage.media.target_quality import (
    MOST_MEASURES,
    NEAR_ENOUGH,
    Verdict,
    decide_quality,
    refuse_growth,
    search_quality,
    take_samples,
)
from dayreel.footage.schemas.library import TranscodePlan
from dayreel.footage.worker.lease import WorkerStoppingError
from dayreel.media.probe import probe
from tests.unit.media.films import film

MakeClip = Callable[..., Path]
BETWEEN = (12, 40)


@dataclass
class Curve:
    """VMAF falls with the number: by `slope` a step, and faster from `knee` on. Keeps what it was asked."""

    best: float = 99.0
    slope: float = 0.3
    knee: int = 26
    steep: float = 1.2
    asked: list[int] = field(default_factory=list)

    def __call__(self, quality: int) -> float:
        self.asked.append(quality)
        return self.best - self.slope * (min(quality, self.knee) - 12) - self.steep * max(0, quality - self.knee)


@pytest.mark.parametrize("knee", [14, 20, 26, 33, 39])
@pytest.mark.parametrize("steep", [0.8, 1.5, 4.0])
@pytest.mark.parametrize("best", [96.2, 98.0, 99.9])
def test_the_search_reaches_its_target_and_wastes_little(knee: int, steep: float, best: float) -> None:
    curve = Curve(best=best, knee=knee, steep=steep)
    quality, tried = search_quality(curve, 95.0, first=22, between=BETWEEN)
    assert quality is not None
    assert len(curve.asked) == len(set(curve.asked)) == len(tried) <= MOST_MEASURES
    reached = dict(tried)[quality]
    assert reached >= 95.0
    is_near = reached <= 95.0 + NEAR_ENOUGH
    exact = max(number for number in range(*BETWEEN) if curve(number) >= 95.0)
    assert is_near or exact - quality <= 1 or quality == BETWEEN[1]


def test_a_target_that_nothing_reaches_is_none() -> None:
    quality, tried = search_quality(Curve(best=90.0), 95.0, first=22, between=BETWEEN)
    assert quality is None
    assert min(number for number, _ in tried) == BETWEEN[0]


def test_a_target_that_all_reach_takes_the_smallest_file() -> None:
    assert search_quality(lambda _: 99.5, 95.0, first=22, between=BETWEEN)[0] == BETWEEN[1]


def decided(source: Path, ffmpeg: Path, words: list[str] | None = None, **plan: Any) -> Verdict:
    wanted = TranscodePlan(**{"preset": "h264", **plan})
    heard = [] if words is None else words
    chosen = ChosenEncoder(SOFTWARE[wanted.preset])

    def report(doing: str, share: float) -> None:
        assert 0.0 <= share <= 1.0
        heard.append(doing)

    return decide_quality(source, wanted, chosen, scratch=source.parent, report=report, ffmpeg=ffmpeg)


def test_a_film_gets_the_quality_its_samples_need(make_clip: MakeClip, ffmpeg: Path) -> None:
    clip = make_clip(size="160x96", duration_s=1.0, options=("-c:v", "libx264", "-qp", "1", "-preset", "ultrafast"))
    heard: list[str] = []
    verdict = decided(clip, ffmpeg, heard, target_vmaf=93)
    assert verdict.quality is not None
    best = next(measure for measure in verdict.measures if measure.quality == verdict.quality)
    assert best.vmaf is not None
    assert best.vmaf >= 93
    assert verdict.predicted_bytes is not None
    assert verdict.predicted_bytes < clip.stat().st_size
    assert verdict.reason.startswith(f"libx264 at {verdict.quality}: samples of it have VMAF")
    assert heard[0].startswith("searching for VMAF 93: trying 20")
    assert [path.name for path in clip.parent.iterdir() if path.name.startswith(".samples")] == []


@pytest.mark.slow
def test_a_sample_of_an_odd_clock_is_like_itself(base: Path, ffmpeg: Path, tmp_path: Path) -> None:
    source = film("jitter_ts").make(ffmpeg, base, tmp_path)
    samples = take_samples(probe(source), probe(source).best_video_stream())
    assert sum(sample.picture_bytes for sample in samples) > 0
    verdict = decided(source, ffmpeg, target_vmaf=85)
    assert max(measure.vmaf or 0.0 for measure in verdict.measures) > 85


def test_a_film_that_would_save_little_stays(make_clip: MakeClip, ffmpeg: Path) -> None:
    clip = make_clip(size="160x96", duration_s=1.0, options=("-c:v", "libx264", "-crf", "40"))
    verdict = decided(clip, ffmpeg, min_saving=0.2)
    assert verdict.quality is None
    assert verdict.reason.startswith("It stays as it is: libx264 at 20 would ")
    assert decided(clip, ffmpeg, min_saving=0.2, max_height=144, quality=30).quality is None
    squeezed = decided(make_clip("high.mp4", size="160x160", duration_s=0.2), ffmpeg, min_saving=0.9, max_height=144)
    assert squeezed.quality == SOFTWARE["h264"].crf


def test_a_film_that_is_efficient_stays_unmeasured(make_clip: MakeClip, ffmpeg: Path) -> None:
    hevc = ("-c:v", "libx265", "-x265-params", "log-level=none", "-crf", "40")
    clip = make_clip("hevc.mp4", size="160x96", duration_s=0.5, options=hevc)
    verdict = decided(clip, ffmpeg, efficient_bits_per_pixel=0.5, target_vmaf=95)
    assert (verdict.quality, verdict.measures) == (None, ())
    assert "it is hevc at 0." in verdict.reason
    assert decided(clip, ffmpeg, efficient_bits_per_pixel=0.0001).quality == SOFTWARE["h264"].crf


def test_hdr_gets_the_usual_quality_and_says_so(make_clip: MakeClip, ffmpeg: Path) -> None:
    pq = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=limited"
    options = ("-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le")
    clip = make_clip("hdr.mp4", size="96x64", duration_s=0.3, video_filter=pq, options=options, sound=None)
    verdict = decided(clip, ffmpeg, target_vmaf=95, hdr="tonemap")
    assert (verdict.quality, verdict.measures) == (SOFTWARE["h264"].crf, ())
    assert "It is HDR, which VMAF cannot judge" in verdict.reason


def test_what_came_out_too_large_is_dropped(make_clip: MakeClip, ffmpeg: Path) -> None:
    clip = make_clip(size="96x64", duration_s=0.3)
    verdict = Verdict(20, "", "libx264")
    kept = refuse_growth(clip, probe(clip), TranscodePlan(preset="h264", min_saving=0.1), verdict)
    assert kept is not None
    assert kept.quality is None
    assert "encoded with libx264 at 20 it would save 0%, and 10% is asked for" in kept.reason
    assert refuse_growth(clip, probe(clip), TranscodePlan(preset="h264"), verdict) is None


@pytest.mark.slow
def test_a_worker_that_stops_ends_the_search_at_once(make_clip: MakeClip, ffmpeg: Path) -> None:
    """However quick the machine: a sample that is encoded before anybody waits for it is asked about as well."""
    clip = make_clip(size="96x64", duration_s=0.3)
    heard: list[str] = []

    def report(doing: str, share: float) -> None:
        heard.append(doing)

    def pulse() -> None:
        if heard:
            raise WorkerStoppingError("This worker was asked to stop.")

    plan = TranscodePlan(preset="h264", target_vmaf=95)
    chosen = ChosenEncoder(SOFTWARE["h264"])
    with pytest.raises(WorkerStoppingError):
        decide_quality(
            clip, plan, chosen, scratch=clip.parent, report=report, ffmpeg=ffmpeg, pulse=pulse, progress=None
        )
    assert len(set(heard)) == 1
    assert [path.name for path in clip.parent.iterdir()] == [clip.name]
