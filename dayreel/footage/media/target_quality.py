"""How a film is to be encoded so that it still looks like itself: the number for the encoder, by VMAF of short samples.

The method is ab-av1's: a few short pieces of the film are encoded with a number, measured against what went into the
encoder, and the next number is interpolated. What it will save is predicted from the same pieces, so that a film that
would not become smaller is left as it is. Pieces and references are the same seek into the same file through the same
filters, and are compared picture by picture: no clock of a container is between them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Unpack

import av
import ffmpeg as graph

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, MediaError
from dayreel.footage.media.encoders import ChosenEncoder, Encoder
from dayreel.footage.media.remux import Running
from dayreel.footage.media.transcode import PlannedPicture, encoded_picture, plan_picture, shown_picture
from dayreel.footage.schemas.library import TranscodePlan
from dayreel.media.ffmpeg_binary import HOW_TO_GET_ONE, has_filter
from dayreel.media.probe import Probe, open_picture, probe
from dayreel.media.run import run_ffmpeg
from dayreel.media.streams import VideoStream, zero_s
from dayreel.media.timeline import approach

SAMPLED_SHARE = 0.08
"""Share of a film that its samples are together, within the limits below."""
_SAMPLE_S = 4.0
_MOST_SAMPLES = 12
_FEWEST_SAMPLES = 2
MOST_MEASURES = 5
"""With the shares above this bounds the search: five times eight hundredths of the encode, and measuring them."""
NEAR_ENOUGH = 0.6
"""VMAF above the target at which nothing better is looked for."""
MARGIN = 0.3
"""VMAF above the target that samples have to reach, because the whole film is not quite like its samples."""
_USUAL_SLOPE = 0.6
"""VMAF per step of CRF, before two measures say it better."""
_KEY_EVERY_S = 10.0
"""A key picture begins each sample; in the film there is one about so often, or at a cut."""
_4K_FROM = 1440
_EFFICIENT = ("hevc", "av1", "vvc")


@dataclass(frozen=True)
class Measure:
    """One number tried on the samples: their VMAF (None where only the size was of interest), their share in size."""

    quality: int
    vmaf: float | None
    size_share: float


@dataclass(frozen=True)
class Verdict:
    """What becomes of a film, and why, in a sentence.

    Attributes:
        quality: the encoder's number; None where the film stays as it is.
        measures: what was tried, in order.
        predicted_bytes: size of the whole file; None where nothing was measured.
        seconds: how long it took to find out.
    """

    quality: int | None
    reason: str
    encoder: str
    measures: tuple[Measure, ...] = ()
    predicted_bytes: int | None = None
    seconds: float = 0.0

    def as_facts(self) -> dict[str, Any]:
        """Return it as plain JSON, for the evidence of a job."""
        return {**asdict(self), "measures": [asdict(measure) for measure in self.measures]}


@dataclass(frozen=True)
class Excerpt:
    """A piece of a film: where reading begins, how long it is, how many bytes its pictures and all of it have.

    `keys` is how many of its pictures need no other; `is_first` that it begins with the film.
    """

    seek_s: float
    lasts_s: float
    picture_bytes: int
    all_bytes: int
    keys: int
    is_first: bool

    @property
    def input_options(self) -> dict[str, Any]:
        """Options of ffmpeg's input that lead there: to a picture that needs no other."""
        seek = {} if self.is_first else {"ss": f"{self.seek_s:.6f}", "noaccurate_seek": None}
        return {**seek, "t": f"{self.lasts_s:.6f}", "an": None}


def decide_quality(
    source: Path,
    plan: TranscodePlan,
    chosen: ChosenEncoder,
    *,
    scratch: Path,
    report: Callable[[str, float], None],
    **running: Unpack[Running],
) -> Verdict:
    """Find out how a film is to be encoded, or that it stays as it is.

    Args:
        scratch: folder for the samples; nothing is left in it.
        report: called with what is being done and the share of the search that is over.

    Raises:
        MediaError: the film cannot be encoded as planned, or a sample not be encoded or measured.
        ConfigurationError: this machine's ffmpeg cannot measure VMAF.
        UnfinishedError: disk full, deadline, ended from outside.
    """
    facts = probe(source)
    planned = plan_picture(facts, plan)
    video, encoder = facts.best_video_stream(), chosen.encoder
    usual = encoder.crf if plan.quality is None else plan.quality
    stays = _may_stay(video, planned)
    if stays and (efficient := _is_efficient(facts, video, plan)):
        return Verdict(None, f"It stays as it is: {efficient}.", encoder.name)
    if plan.target_vmaf is not None and video.is_hdr:
        reason = f"It is HDR, which VMAF cannot judge, so it gets the usual quality of {encoder.name}, {usual}."
        return Verdict(usual, reason, encoder.name)
    if plan.target_vmaf is None and (plan.min_saving is None or not stays):
        return Verdict(usual, "", encoder.name)
    if plan.target_vmaf is not None and not has_filter(running["ffmpeg"], "libvmaf"):
        raise ConfigurationError(
            f"Looked for a quality with VMAF {plan.target_vmaf:g}; {str(running['ffmpeg'])!r} has no libvmaf.",
            next_step=HOW_TO_GET_ONE,
        )
    began = SystemClock().monotonic()
    with TemporaryDirectory(prefix=".samples-", dir=scratch) as folder:
        samples = take_samples(facts, video)
        trial = _Trial(facts, planned, plan, encoder, samples, Path(folder), running)
        verdict = _searched(trial, usual, stays=stays, report=report)
    return replace(verdict, seconds=round(SystemClock().monotonic() - began, 1))


def refuse_growth(source: Path, made: Probe, plan: TranscodePlan, verdict: Verdict) -> Verdict | None:
    """Return that the film stays as it is, where what came out saves less than the plan asks for; None where it may."""
    facts = probe(source)
    saving = 1 - made.size_bytes / max(1, facts.size_bytes)
    if plan.min_saving is None or saving >= plan.min_saving:
        return None
    if not _may_stay(facts.best_video_stream(), plan_picture(facts, plan)):
        return None
    due = f"{plan.min_saving:.0%} is asked for"
    reason = (
        f"It stays as it is: encoded with {verdict.encoder} at {verdict.quality} it would {_saved(saving)}, and {due}."
    )
    return replace(verdict, quality=None, reason=reason, predicted_bytes=made.size_bytes)


def search_quality(
    vmaf_at: Callable[[int], float], target: float, *, first: int, between: tuple[int, int]
) -> tuple[int | None, list[tuple[int, float]]]:
    """Find the highest number whose VMAF reaches the target; pure but for `vmaf_at`, which is asked at most
    `MOST_MEASURES` times.

    Returns:
        The best number that was seen to reach it, None where none did; and every (number, VMAF) in order.
    """
    lowest, highest = between
    tried: list[tuple[int, float]] = []
    at = min(max(first, lowest), highest)
    while True:
        tried.append((at, vmaf_at(at)))
        good = max((each for each in tried if each[1] >= target), default=None)
        bad = min((each for each in tried if each[1] < target and (good is None or each[0] > good[0])), default=None)
        is_near = good is not None and good[1] <= target + NEAR_ENOUGH
        if is_near or len(tried) == MOST_MEASURES:
            break
        floor = lowest if good is None else good[0] + 1
        ceiling = highest if bad is None else bad[0] - 1
        if floor > ceiling:
            break
        at = min(max(_between(tried, good, bad, target), floor), ceiling)
        if good is None and len(tried) == MOST_MEASURES - 1:
            at = lowest  # the last chance to keep what was promised
    return (None if good is None else good[0]), tried


def _between(
    tried: Sequence[tuple[int, float]],
    good: tuple[int, float] | None,
    bad: tuple[int, float] | None,
    target: float,
) -> int:
    """Return the number at which the line through two measures, or one of the usual slope, meets the target.

    Where two in a row were on the same side, the line leads too slowly along a bend, and the middle is taken.
    """
    base = tried[-1]
    same_side = len({value >= target for _, value in tried[-2:]}) == 1
    if good is not None and bad is not None and len(tried) > 2 and same_side:  # noqa: PLR2004
        return (good[0] + bad[0]) // 2
    other = next((each for each in (good, bad, *tried[:-1]) if each is not None and each[0] != base[0]), None)
    slope = _USUAL_SLOPE if other is None else (other[1] - base[1]) / (base[0] - other[0])
    if slope <= 0:
        slope = _USUAL_SLOPE
    return base[0] + int((base[1] - target) // slope)


def take_samples(facts: Probe, video: VideoStream) -> tuple[Excerpt, ...]:
    """Choose pieces that are spread over a film, each from a picture that needs no other; short films are taken whole.

    Raises:
        MediaError: the file cannot be read.
    """
    wanted_s = max(_FEWEST_SAMPLES * _SAMPLE_S, min(SAMPLED_SHARE * video.duration_s, _MOST_SAMPLES * _SAMPLE_S))
    if video.duration_s <= wanted_s:
        count, lasts_s = 1, video.duration_s
    else:
        count = max(_FEWEST_SAMPLES, round(wanted_s / _SAMPLE_S))
        lasts_s = wanted_s / count
    samples, from_s = [], float("-inf")
    for n in range(count):
        middle_s = video.start_s + video.duration_s * (n + 0.5) / count
        seek_s = max(0.0, approach(facts.path, video, max(0.0, middle_s - lasts_s / 2)).seek_s)
        if seek_s >= from_s + lasts_s:  # with few key pictures, two would be the same piece
            samples.append(_weighed(facts.path, video, seek_s, lasts_s))
            from_s = seek_s
    return tuple(samples)


def _weighed(path: Path, video: VideoStream, seek_s: float, lasts_s: float) -> Excerpt:
    picture_bytes = all_bytes = keys = 0
    is_first = seek_s <= video.start_s
    try:
        with open_picture(path, video) as (container, stream):
            zero = zero_s(container)
            tick_s = float(stream.time_base or 1)
            if not is_first:
                container.seek(int((seek_s + zero) / tick_s), stream=stream)
            for packet in container.demux():
                if packet.pts is None or packet.time_base is None:
                    continue
                at_s = float(packet.pts * packet.time_base) - zero
                if packet.stream.index == video.index and at_s >= seek_s + lasts_s + 1:
                    break
                if seek_s - tick_s <= at_s < seek_s + lasts_s:
                    all_bytes += packet.size
                    if packet.stream.index == video.index:
                        picture_bytes += packet.size
                        keys += packet.is_keyframe
    except av.error.FFmpegError as error:
        raise MediaError(f"Read samples of {str(path)!r}; it answered: {error.strerror}.") from error
    return Excerpt(seek_s, lasts_s, picture_bytes, max(1, all_bytes), keys, is_first)


@dataclass(frozen=True)
class _Trial:
    """What is tried on: samples of a film, on their way through the encoder."""

    facts: Probe
    planned: PlannedPicture
    plan: TranscodePlan
    encoder: Encoder
    samples: tuple[Excerpt, ...]
    folder: Path
    running: Running

    def measure(self, quality: int, *, with_vmaf: bool, report: Callable[[float], None]) -> Measure:
        """Encode every sample with a number, and compare it with what went in."""
        plan = self.plan.model_copy(update={"quality": quality})
        encoded_bytes, vmafs = 0.0, []
        for n, sample in enumerate(self.samples):
            report(n / len(self.samples))
            made = self.folder / "sample.mkv"
            node, options = encoded_picture(self.facts, self.planned, plan, self.encoder, **sample.input_options)
            self._run(graph.output(node, str(made), **{**options, "f": "matroska"}), f"encode with {quality}")
            encoded_bytes += _pictures_in(made, sample)
            if with_vmaf:
                vmafs.append(self._vmaf(made, sample))
        weights = [sample.lasts_s for sample in self.samples]
        vmaf = sum(v * w for v, w in zip(vmafs, weights, strict=True)) / sum(weights) if with_vmaf else None
        share = encoded_bytes / max(1, sum(sample.picture_bytes for sample in self.samples))
        return Measure(quality, None if vmaf is None else round(vmaf, 2), round(share, 4))

    def predict(self, measure: Measure) -> int:
        """Return the size of the whole file: its pictures shrink as the samples' did, the rest is copied."""
        pictures = sum(sample.picture_bytes for sample in self.samples)
        share = pictures / sum(sample.all_bytes for sample in self.samples)
        return round(self.facts.size_bytes * (1 - share + share * measure.size_share))

    def _vmaf(self, made: Path, sample: Excerpt) -> float:
        log = self.folder / "vmaf.json"
        reference = _counted(shown_picture(self.facts, self.planned, **sample.input_options))
        distorted = _counted(graph.input(str(made))["v"].filter("format", self.planned.pix_fmt))
        model = "vmaf_4k_v0.6.1" if self.planned.height > _4K_FROM else "vmaf_v0.6.1"
        # Every picture: of every third, the mean was 1.0 too high where an animation shows each of its drawings twice.
        compared = graph.filter(
            [distorted, reference],
            "libvmaf",
            model=f"version={model}",
            log_fmt="json",
            log_path=str(log),
            n_threads=2,
            shortest=1,
        )
        self._run(graph.output(compared, "-", f="null", fps_mode="passthrough"), "measure VMAF")
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])

    def _run(self, spec: Any, what: str) -> None:
        doing = f"{what} on a sample of {self.facts.path.name!r}"
        quiet: Running = {**self.running, "progress": None}
        run_ffmpeg(spec, doing=doing, folder=self.folder, **quiet)


def _searched(trial: _Trial, usual: int, *, stays: bool, report: Callable[[str, float], None]) -> Verdict:
    plan, encoder = trial.plan, trial.encoder
    measures: list[Measure] = []
    most = 1 if plan.target_vmaf is None else MOST_MEASURES

    def at(quality: int) -> float:
        before = ", ".join(f"{measure.quality}: {measure.vmaf}" for measure in measures)
        words = f"searching for VMAF {plan.target_vmaf:g}" if plan.target_vmaf is not None else "predicting its size"
        words = f"{words}: trying {quality}" + (f" (so far {before})" if before else "")

        def share(done: float) -> None:
            report(words, (len(measures) + done) / most)

        measures.append(trial.measure(quality, with_vmaf=plan.target_vmaf is not None, report=share))
        return measures[-1].vmaf or 0.0

    quality: int | None
    if plan.target_vmaf is None:
        at(usual)
        quality, achieved = usual, ""
    else:
        quality, _ = search_quality(at, plan.target_vmaf + MARGIN, first=usual, between=encoder.searched)
        if quality is None:
            return _unreached(trial, measures, stays=stays)
        achieved = f"samples of it have VMAF {_of(measures, quality).vmaf:g}"
    best = _of(measures, quality)
    predicted = trial.predict(best)
    saving = 1 - predicted / trial.facts.size_bytes
    if stays and plan.min_saving is not None and saving < plan.min_saving:
        due = f"{plan.min_saving:.0%} is asked for"
        reason = f"It stays as it is: {encoder.name} at {quality} would {_saved(saving)}, and {due}."
        return Verdict(None, reason, encoder.name, tuple(measures), predicted)
    what = f"{achieved}, and it should {_saved(saving)}" if achieved else f"it should {_saved(saving)}"
    return Verdict(quality, f"{encoder.name} at {quality}: {what}.", encoder.name, tuple(measures), predicted)


def _unreached(trial: _Trial, measures: list[Measure], *, stays: bool) -> Verdict:
    best = min(measures, key=lambda measure: measure.quality)
    words = f"{trial.encoder.name} does not reach VMAF {trial.plan.target_vmaf:g} on it ({best.vmaf} at {best.quality})"
    if stays:
        return Verdict(None, f"It stays as it is: {words}.", trial.encoder.name, tuple(measures))
    reason = f"{words[0].upper()}{words[1:]}, and it cannot stay as it is, so it gets the best there is."
    return Verdict(best.quality, reason, trial.encoder.name, tuple(measures), trial.predict(best))


def _of(measures: Sequence[Measure], quality: int) -> Measure:
    return next(measure for measure in measures if measure.quality == quality)


def _saved(saving: float) -> str:
    return f"save {saving:.0%}" if saving >= 0 else f"grow by {-saving:.0%}"


def _may_stay(video: VideoStream, planned: PlannedPicture) -> bool:
    """Return whether the plan asks for nothing that only encoding can do: a smaller picture, other colours."""
    size = (video.height, video.width) if video.is_on_its_side else (video.width, video.height)
    is_smaller = planned.height < size[1] - 1 or planned.width < size[0] - 1
    return not (planned.is_tone_mapped or is_smaller)


def _is_efficient(facts: Probe, video: VideoStream, plan: TranscodePlan) -> str:
    """Say why a film is efficient already; empty where it is not, or the plan does not ask."""
    limit = plan.efficient_bits_per_pixel
    pixels = video.width * video.height * float(video.fps) * video.duration_s
    if limit is None or video.codec not in _EFFICIENT or not pixels:
        return ""
    sound = sum((track.bit_rate or 0) * track.duration_s for track in facts.audio)
    bits = max(0.0, facts.size_bytes * 8 - sound) / pixels
    if bits > limit:
        return ""
    return f"it is {video.codec} at {bits:.3f} bits a pixel, and {limit:g} is efficient enough for the plan"


def _counted(node: Any) -> Any:
    """Give each picture its number for a time, so that pictures are compared in order, whenever they are shown."""
    return node.filter("settb", "1/25").filter("setpts", "N")


def _pictures_in(made: Path, sample: Excerpt) -> float:
    """Return the bytes of a sample's pictures as they would be in the film.

    Encoded, each sample begins with a key picture, of which the film has fewer. Where the source has few as well, so
    has the piece of it, and the two keep their proportion.
    """
    with av.open(str(made)) as container:
        sizes = [(packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    first = next((size for size, is_key in sizes if is_key), 0) if sample.keys > 1 else 0
    return sum(size for size, _ in sizes) - first * (1 - min(1.0, sample.lasts_s / _KEY_EVERY_S))
