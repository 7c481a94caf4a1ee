"""What a film shows and lets hear, small enough to keep of hours: pictures as 16 x 9 fields, sound as levels.

All comes from one pass through the decoder, and stands on the file's clock (see `streams.VideoStream`), upright, in the
levels that a viewer sees: black is 0, white is 255. Some pictures and stretches of sound are kept finely. Nothing is
judged here: how far two films are apart is `alignment`, whether one may stand for the other
`footage.media.same_footage`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream as AvVideoStream

from dayreel.errors import MediaError
from dayreel.media.picture import yuv_matrix
from dayreel.media.probe import Jumps, Probe, open_picture
from dayreel.media.run import Pulse
from dayreel.media.streams import VideoStream, zero_s

Numbers = np.ndarray[Any, np.dtype[Any]]

COLUMNS, ROWS = 16, 9
RATE_HZ = 16_000
"""Sound is looked at up to 8 kHz: below 4 kHz lies what telephones carry, above it what makes speech clear."""
BLOCK_S = 0.1
_BLOCK = round(BLOCK_S * RATE_HZ)
WINDOW_S = 4
_KEPT_S = 400
_MOST_FINE = 96
_GAP_S = 0.02
_FINE_WIDTH = 160
_PATCH = 160
_FURTHER_BACK_S = (4.0, 20.0)
_FURTHEST_APART_S = 10.0
"""By which picture and sound of one moment may lie apart in a file."""
# Kr and Kb of ITU-R BT.601, BT.709 and BT.2020.
_LUMA_SHARES = {"bt709": (0.2126, 0.0722), "bt2020nc": (0.2627, 0.0593)}
_BT709_LUMA = np.array([0.2126, 0.7152, 0.0722])
_BT2020_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
_HLG_GAMMA, _HLG_KNEE, _BT709_KNEE = 1.2, 0.5, 0.018
_PEAK = np.array(10.0)
"""Of 100 nits, where FFmpeg's `tonemap` knows none."""
_USUAL_SHARES = (0.299, 0.114)


@dataclass(frozen=True)
class Region:
    """The part of a picture that is looked at, in shares of its width and height from the upper left."""

    left: float = 0.0
    top: float = 0.0
    width: float = 1.0
    height: float = 1.0


@dataclass(frozen=True)
class Extent:
    """What is looked at of a film.

    Attributes:
        until_s: moment on the file's clock where it ends; None for its end.
        size: width and height that the fine pictures are brought to; None keeps none of them.
        is_all_sound: every sound stream, not only the best.
        to_sdr: HDR is mapped to SDR, about as `picture.tone_mapped` does.
    """

    from_s: float = 0.0
    until_s: float | None = None
    size: tuple[int, int] | None = None
    region: Region = Region()
    is_all_sound: bool = True
    to_sdr: bool = False


@dataclass(frozen=True)
class FinePicture:
    """One picture as it is shown: `rgb` about 160 pixels wide, `patches` of its luma, pixel by pixel.

    `middle_s` is halfway through the time in which it is shown, where rounding cannot reach another picture.
    """

    rgb: Numbers
    patches: tuple[Numbers, ...]
    middle_s: float = 0.0


@dataclass
class SoundTrace:
    """One sound stream. `levels` are mean squares, one row a channel, one column a block of 0.1 s from `from_s` on.

    `seconds` are those that are kept, by their number from `from_s`: int16 at 16 kHz, one row a channel. `joints` are
    where it goes on after a hole, in samples of 16 kHz from `from_s`: exact to a tick of the container.
    """

    index: int
    from_s: float
    levels: Numbers
    seconds: dict[int, Numbers] = field(default_factory=dict)
    begins_s: float = math.inf
    ends_s: float = -math.inf
    joints: list[int] = field(default_factory=list)

    def window(self, first: int) -> Numbers | None:
        """Return four seconds from that one on, or None where they were not kept."""
        if first not in self.seconds:
            return None
        silence = np.zeros_like(self.seconds[first])
        return np.concatenate([self.seconds.get(first + n, silence) for n in range(WINDOW_S)], axis=1)


@dataclass(frozen=True)
class Traces:
    """What was seen and heard of one film.

    Attributes:
        moments: when each picture came on, in seconds, rising.
        pictures: uint8, one 9 x 16 field of luma each.
        colours: uint8, the mean red, green and blue of each.
        fine: by moment, pictures that are kept finely.
        ends_s: when the last picture goes.
    """

    moments: Numbers
    pictures: Numbers
    colours: Numbers
    fine: dict[float, FinePicture]
    sounds: tuple[SoundTrace, ...]
    ends_s: float


def fine_moments(begin_s: float, end_s: float) -> list[float]:
    """Return the moments whose pictures are worth a close look: two a second, at most 96 over all."""
    count = min(_MOST_FINE, max(4, math.ceil((end_s - begin_s) * 2)))
    return [begin_s + (end_s - begin_s) * (n + 0.5) / count for n in range(count)]


def watch(
    facts: Probe,
    extent: Extent = Extent(),
    fine: Sequence[float] = (),
    *,
    stream: int | None = None,
    pulse: Pulse | None = None,
) -> Traces:
    """Decode the main picture and the sound of a film once.

    Args:
        fine: moments whose pictures are kept finely.
        stream: index of the video stream; None takes the largest.
        pulse: called between packets; what it raises ends the work.

    Raises:
        MediaError: something does not decode, or nothing does.
    """
    video = facts.best_video_stream(stream)
    ends_s = facts.duration_s if extent.until_s is None else extent.until_s
    best = facts.best_audio_stream()
    wanted = facts.audio if extent.is_all_sound else (best,) if best else ()
    try:
        with open_picture(facts.path, video) as (container, picture):
            # Where the clock jumps, a moment of it may be anywhere.
            backs = () if facts.clock_jumps else (back_s for back_s in _FURTHER_BACK_S if extent.from_s > back_s)
            for back_s in (*backs, None):
                eye = _Eye(video, extent, fine)
                ears = {sound.index: _Ear(sound.index, sound.channels, extent.from_s, ends_s) for sound in wanted}
                if _follow(container, picture, eye, ears, extent, back_s, facts.clock_jumps, pulse):
                    break
    except av.error.FFmpegError as error:
        raise MediaError(
            f"Looked at {str(facts.path)!r}; after {len(eye.moments)} pictures it answered: {error.strerror}.",
            next_step="The file is damaged: fetch or export it again.",
        ) from error
    if not eye.moments:
        raise MediaError(
            f"Looked at {str(facts.path)!r}; not one picture came out, although it announces a video stream."
        )
    return eye.traces(tuple(ear.trace() for ear in ears.values()))


def _decoded(packet: "Packet[Any]", zero: float, *, from_s: float) -> Iterator[tuple[VideoFrame | AudioFrame, float]]:
    """Yield each frame of a packet with its moment on the file's clock.

    What does not decode before `from_s` is left out: a seek may lead into the middle of something.
    """
    try:
        frames = packet.decode()
    except av.error.InvalidDataError:
        if from_s == -math.inf or (packet.pts is not None and packet.pts * packet.time_base - zero >= from_s):
            raise
        return
    for frame in frames:
        if isinstance(frame, VideoFrame | AudioFrame):
            begin_s = (frame.time or 0.0) - zero
            if not frame.is_corrupt:
                yield frame, begin_s
            elif begin_s >= from_s:
                raise MediaError(f"Looked at a film; it is damaged at {begin_s:.2f} s.")


def _packets(
    container: InputContainer, followed: set[int], is_straightened: bool, pulse: Pulse | None
) -> "Iterator[Packet[Any]]":
    jumps = Jumps(container)
    packets = container.demux(*(container.streams[index] for index in sorted(followed)))
    while True:
        try:
            packet = next(packets, None)
        except IndexError as error:  # what PyAV makes of a stream that it had no number for when it opened the file
            raise MediaError(
                f"Looked at {container.name!r}; it announces another stream on the way, or is damaged.",
                next_step="Put it into another container once: `ffmpeg -i FILE -map 0:v -map 0:a -c copy FILE.mkv`.",
            ) from error
        if packet is None:
            return
        if pulse is not None:
            pulse()
        if is_straightened:
            jumps.straighten(packet)
        yield packet


def _follow(
    container: InputContainer,
    stream: AvVideoStream,
    eye: "_Eye",
    ears: "dict[int, _Ear]",
    extent: Extent,
    back_s: float | None,
    is_straightened: bool,
    pulse: Pulse | None,
) -> bool:
    """Decode from `back_s` before the extent on; False where that began too late: not every container has an index."""
    zero = zero_s(container)
    if back_s is not None:
        container.seek(math.floor((zero + extent.from_s - back_s) * av.time_base))
    elif extent.from_s > _FURTHER_BACK_S[0]:
        container.seek(math.floor(zero * av.time_base))
    followed = {stream.index, *ears}
    until_s = math.inf if extent.until_s is None else extent.until_s
    over: set[int] = set()
    for packet in _packets(container, followed, is_straightened, pulse):
        for frame, begin_s in _decoded(packet, zero, from_s=-math.inf if back_s is None else extent.from_s):
            if isinstance(frame, AudioFrame):
                ears[packet.stream.index].hear(frame, zero)
            elif back_s is not None and not eye.moments and begin_s > extent.from_s:
                return False
            else:
                eye.see(frame, zero)
            if begin_s > until_s:
                over.add(packet.stream.index)
            # Sound that ended long ago is not waited for.
            if begin_s > until_s + _FURTHEST_APART_S:
                over |= followed
        if over >= followed:
            break
    eye.close()
    return True


class _Eye:
    """Takes in pictures one after the other."""

    def __init__(self, video: VideoStream, extent: Extent, fine: Sequence[float]) -> None:
        self._video = video
        self._extent = extent
        self._is_mapped = extent.to_sdr and video.is_hdr
        self._due = sorted(fine)
        self._shares = _LUMA_SHARES.get(yuv_matrix(video), _USUAL_SHARES)
        self._graph: Graph | None = None
        self._shown: VideoFrame | None = None
        self._ends_s = 0.0
        self.moments: list[float] = []
        self._pictures: list[Numbers] = []
        self._colours: list[Numbers] = []
        self._fine: dict[float, FinePicture] = {}

    def see(self, frame: VideoFrame, zero: float) -> None:
        """Take in the next picture; interlaced ones as a player shows them."""
        if self._graph is None and frame.interlaced_frame:
            self._graph = _deinterlacer(frame)
        if self._graph is None:
            self._take(frame, zero)
            return
        self._graph.push(frame)
        self._pull(zero)

    def close(self) -> None:
        """Take in what is still on its way."""
        if self._graph is not None:
            self._graph.push(None)
            self._pull(self._zero)
        self._keep_finely(math.inf)

    def _pull(self, zero: float) -> None:
        self._zero = zero
        while self._graph is not None:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            assert isinstance(frame, VideoFrame)  # noqa: S101 - the graph has one picture's sink
            self._take(frame, zero)

    def _take(self, frame: VideoFrame, zero: float) -> None:
        if frame.pts is None or frame.time_base is None:
            return
        begin_s = float(frame.pts * frame.time_base) - zero
        usual_s = float(1 / self._video.fps) if self._video.fps else 0.0
        lasts_s = float(frame.duration * frame.time_base) if frame.duration else usual_s
        if begin_s + lasts_s <= self._extent.from_s or (
            self._extent.until_s is not None and begin_s >= self._extent.until_s
        ):
            return
        self._keep_finely(begin_s)
        self._shown = frame
        self._ends_s = max(self._ends_s, begin_s + lasts_s)
        small = self._upright(frame, COLUMNS * 4, ROWS * 4)
        self.moments.append(begin_s)
        self._pictures.append(_levels(self._luma(small).reshape(ROWS, 4, COLUMNS, 4).mean((1, 3))))
        self._colours.append(_levels(self._rgb(small.mean((0, 1)))))

    def _keep_finely(self, until_s: float) -> None:
        """Keep the picture that is shown now, for every moment that was due before the next one."""
        kept: FinePicture | None = None
        while self._due and self._due[0] < until_s:
            moment = self._due.pop(0)
            if self._shown is not None and self._extent.size is not None:
                ends_s = until_s if math.isfinite(until_s) else self._ends_s
                kept = kept or replace(
                    self._closely(self._shown, *self._extent.size), middle_s=(self.moments[-1] + ends_s) / 2
                )
                self._fine[moment] = kept

    def _closely(self, frame: VideoFrame, width: int, height: int) -> FinePicture:
        columns = min(width, _FINE_WIDTH)
        small = self._upright(frame, columns, max(2, round(columns * height / width)))
        patches = _patches(self._upright(frame, width, height))
        return FinePicture(_levels(self._rgb(small)), tuple(_levels(self._luma(patch)) for patch in patches))

    def _upright(self, frame: VideoFrame, width: int, height: int) -> Numbers:
        """Return a picture in these pixels: luma 0 to 255, and blue and red differences about 0."""
        part = self._extent.region
        wide, high = round(width / part.width), round(height / part.height)
        is_full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
        colours = {"src_color_range": _FULL, "dst_color_range": _FULL} if is_full else {}
        size = (high, wide) if self._video.is_on_its_side else (wide, high)
        scaled = frame.reformat(
            width=size[0], height=size[1], format="yuv444p", interpolation="AREA", threads=1, **colours
        )
        planes = np.moveaxis(scaled.to_ndarray().astype(np.float32), 0, -1)
        if self._video.rotation:
            planes = np.rot90(planes, -self._video.rotation // 90)
        left, top = round(part.left * wide), round(part.top * high)
        planes = planes[top : top + height, left : left + width]
        if is_full:
            return planes - _FULL_ZERO
        return (planes - _LIMITED_ZERO) * _LIMITED_GAIN

    def _rgb(self, planes: Numbers) -> Numbers:
        red_share, blue_share = self._shares
        luma, blue_off, red_off = planes[..., 0], planes[..., 1], planes[..., 2]
        red, blue = luma + 2 * (1 - red_share) * red_off, luma + 2 * (1 - blue_share) * blue_off
        green = (luma - red_share * red - blue_share * blue) / (1 - red_share - blue_share)
        rgb = np.stack([red, green, blue], axis=-1)
        return _to_sdr(rgb, self._video.color_transfer) if self._is_mapped else rgb

    def _luma(self, planes: Numbers) -> Numbers:
        return self._rgb(planes) @ _BT709_LUMA if self._is_mapped else planes[..., 0]

    def traces(self, sounds: tuple[SoundTrace, ...]) -> Traces:
        """Return what was seen, in the order of its moments."""
        order = np.argsort(self.moments, kind="stable")
        return Traces(
            moments=np.asarray(self.moments)[order],
            pictures=np.asarray(self._pictures)[order],
            colours=np.asarray(self._colours)[order],
            fine=self._fine,
            sounds=sounds,
            ends_s=self._ends_s,
        )


_FULL = 2
"""AVCOL_RANGE_JPEG."""
_FULL_ZERO = np.array([0, 128, 128], np.float32)
_LIMITED_ZERO = np.array([16, 128, 128], np.float32)
_LIMITED_GAIN = np.array([255 / 219, 255 / 224, 255 / 224], np.float32)


def _levels(values: Numbers) -> Numbers:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _deinterlacer(frame: VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:deint=interlaced"), graph.add("buffersink"))
    graph.configure()
    return graph


def _to_sdr(rgb: Numbers, transfer: str) -> Numbers:
    """Map PQ (SMPTE ST 2084) or HLG (ARIB STD-B67) in BT.2020 to BT.709, levels 0 to 255, by Hable's curve."""
    signal = np.clip(rgb / 255, 0, 1)
    if transfer == "smpte2084":
        root = signal ** (1 / 78.84375)
        light = 100 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    else:
        scene = np.where(
            signal <= _HLG_KNEE, signal**2 / 3, (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        )
        light = 10 * scene**_HLG_GAMMA
    light = np.maximum(light @ _BT2020_TO_BT709.T, 0)
    most = np.maximum(light.max(-1, keepdims=True), 1e-6)
    shown = np.clip(light * (_hable(most) / _hable(_PEAK) / most), 0, 1)
    levels: Numbers = 255 * np.where(shown < _BT709_KNEE, 4.5 * shown, 1.099 * shown**0.45 - 0.099)
    return levels


def _hable(light: Numbers) -> Numbers:
    curve: Numbers = (light * (0.15 * light + 0.05) + 0.004) / (light * (0.15 * light + 0.5) + 0.06) - 0.02 / 0.3
    return curve


def _patches(planes: Numbers) -> Iterator[Numbers]:
    """Yield up to six parts of a picture, spread over it; all of it where it is small."""
    height, width = planes.shape[:2]
    rows = [0] if height <= 2 * _PATCH else [round(height * share) for share in (0.08, 0.92)]
    columns = [0] if width <= 3 * _PATCH else [round(width * share) for share in (0.05, 0.5, 0.95)]
    for row in rows:
        for column in columns:
            top = max(0, min(row - _PATCH // 2, height - _PATCH)) if len(rows) > 1 else 0
            left = max(0, min(column - _PATCH // 2, width - _PATCH)) if len(columns) > 1 else 0
            high = _PATCH if len(rows) > 1 else height
            wide = _PATCH if len(columns) > 1 else width
            yield planes[top : top + high, left : left + wide].copy()


_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


class _Ear:
    """Takes in the sound of one stream."""

    def __init__(self, index: int, channels: int, from_s: float, until_s: float) -> None:
        self._trace = SoundTrace(
            index, from_s, np.zeros((max(1, channels), math.ceil((until_s - from_s) / BLOCK_S) + 20))
        )
        self._every = max(1, math.ceil((until_s - from_s) / _KEPT_S))
        self._resampler: AudioResampler | None = None
        self._takes: tuple[str, str, int] | None = None
        self._at = 0  # where the next sample stands, in samples of 16 kHz from `from_s`
        self._due_s = 0.0

    def hear(self, frame: AudioFrame, zero: float) -> None:
        """Take in the next frame; where time was left out, silence is."""
        begin_s = (frame.time or 0.0) - zero if frame.pts is not None else self._due_s
        takes = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or self._takes != takes or abs(begin_s - self._due_s) > _GAP_S:
            self._flush()
            self._takes = takes
            # Broadcasts change from stereo to surround and back: it is mixed into the channels that are announced.
            channels = len(self._trace.levels)
            layout = frame.layout if frame.layout.nb_channels == channels else _LAYOUTS.get(channels, frame.layout)
            self._resampler = AudioResampler(format="fltp", layout=layout, rate=RATE_HZ)
            self._at = round((begin_s - self._trace.from_s) * RATE_HZ)
            self._due_s = begin_s
            self._trace.joints.append(self._at)
        self._due_s += frame.samples / frame.sample_rate
        self._trace.begins_s = min(self._trace.begins_s, begin_s)
        self._trace.ends_s = max(self._trace.ends_s, self._due_s)
        frame.pts = None
        for part in self._resampler.resample(frame):
            self._put(part.to_ndarray())

    def trace(self) -> SoundTrace:
        """Return what was heard."""
        self._flush()
        return self._trace

    def _flush(self) -> None:
        for part in self._resampler.resample(None) if self._resampler is not None else ():
            self._put(part.to_ndarray())
        self._resampler = None

    def _put(self, samples: Numbers) -> None:
        begin = max(0, -self._at)
        at, self._at = self._at + begin, self._at + samples.shape[1]
        channels = len(self._trace.levels)
        samples = samples[:channels, begin:]
        if len(samples) < channels:
            samples = np.pad(samples, ((0, channels - len(samples)), (0, 0)))
        if not samples.shape[1]:
            return
        blocks = np.arange(at, at + samples.shape[1]) // _BLOCK
        firsts = np.flatnonzero(np.diff(blocks, prepend=-1))
        sums = np.add.reduceat(np.square(samples, dtype=np.float64), firsts, axis=1) / _BLOCK
        numbers = blocks[firsts]
        inside = numbers < self._trace.levels.shape[1]
        self._trace.levels[:, numbers[inside]] += sums[:, inside]
        self._keep(samples, at)

    def _keep(self, samples: Numbers, at: int) -> None:
        whole = np.clip(samples * 32767, -32768, 32767).astype(np.int16)
        for second in range(at // RATE_HZ, (at + samples.shape[1] - 1) // RATE_HZ + 1):
            if (second // WINDOW_S) % self._every:
                continue
            kept = self._trace.seconds.setdefault(second, np.zeros((len(whole), RATE_HZ), np.int16))
            begin, end = max(at, second * RATE_HZ), min(at + whole.shape[1], (second + 1) * RATE_HZ)
            kept[:, begin - second * RATE_HZ : end - second * RATE_HZ] = whole[:, begin - at : end - at]
