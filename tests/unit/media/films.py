"""Films whose every picture says its number and whose every second beeps, and what a player shows of them when.

What is measured comes from decoding with PyAV, by each picture's own time; the films are made by ffmpeg.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np

RATE, SECONDS = 60, 6
WIDTH, HEIGHT = 160, 96
_BITS = 9
_BEEP_S = 0.09
_SAMPLES = 48_000
_BLOCK = 480

PHONE = r"select=not(between(t\,1.2\,1.9)+between(t\,3.3\,3.8)+between(t\,4.05\,4.7)+eq(mod(n\,7)\,3))"
SCREEN = r"select=lt(mod(t\,1)\,0.15)+eq(n\,0)"
LATE = r"select=gte(t\,0.8)"


@dataclass(frozen=True)
class Shown:
    """What a file shows and lets hear: (second on its clock, number) of each picture, (second, hertz) of each beep."""

    pictures: tuple[tuple[float, int], ...]
    beeps: tuple[tuple[float, float], ...]
    ends_s: float

    @cached_property
    def lasting(self) -> list[tuple[float, float, int]]:
        """(from, until, number) of each picture."""
        ends = [*(second for second, _ in self.pictures[1:]), self.ends_s]
        return [(begin, end, number) for (begin, number), end in zip(self.pictures, ends, strict=True)]


def make_base(path: Path) -> Path:
    """Write the film that all others are made from: 60 pictures a second, lossless, in Matroska."""
    with av.open(str(path), "w", format="matroska") as container:
        video = container.add_stream("ffv1", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=_SAMPLES, layout="mono")
        for number in range(RATE * SECONDS):
            frame = av.VideoFrame.from_ndarray(_picture(number), format="gray").reformat(format="yuv420p")
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode())
        samples = (_sound() * 32_000).astype(np.int16)
        for first in range(0, len(samples), _BLOCK):
            block = av.AudioFrame.from_ndarray(samples[None, first : first + _BLOCK], format="s16", layout="mono")
            block.sample_rate, block.pts = _SAMPLES, first
            container.mux(audio.encode(block))
        container.mux(audio.encode())
    return path


def _picture(number: int) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    picture = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for bit in range(_BITS):
        picture[8:60, 8 + bit * 16 : 24 + bit * 16] = 220 if number >> bit & 1 else 30
    picture[70:90] = number % 200
    return picture


def _sound() -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    seconds = np.arange(_SAMPLES * SECONDS) / _SAMPLES
    hertz = 1000 + 300 * np.floor(seconds)
    noise = np.random.default_rng(0).random(seconds.size) * 0.004
    return np.asarray(0.4 * np.sin(2 * np.pi * hertz * (seconds % 1)) * (seconds % 1 < _BEEP_S) + noise)


def look_at(path: Path) -> Shown:
    """Decode `path` and read the number of every picture and the moment of every beep."""
    pictures: list[tuple[float, int]] = []
    ends_s = 0.0
    with av.open(str(path)) as container:
        zero = (container.start_time or 0) / av.time_base
        # B-frames have only their moments of decoding there, and PyAV makes up others.
        counts_decoding = container.format.name == "avi" and container.streams.video[0].codec.name == "h264"
        for frame in container.decode(video=0):
            tick_s = float(frame.time_base or 0)
            moment = frame.dts if counts_decoding else frame.pts
            begin_s = ends_s if moment is None else moment * tick_s - zero
            pictures.append((begin_s, _number(frame.to_ndarray(format="gray"))))
            ends_s = begin_s + (frame.duration or 0) * tick_s
    return Shown(tuple(pictures), tuple(_beeps(path)), max(ends_s, pictures[-1][0] + 1 / RATE))


def _number(grey: "np.ndarray[Any, Any]") -> int:
    rows, columns = grey.shape
    number = 0
    for bit in range(_BITS):
        x = round((16 + bit * 16) * columns / WIDTH)
        patch = grey[round(20 * rows / HEIGHT) : round(48 * rows / HEIGHT), x - 2 : x + 3]
        number |= int(patch.mean() > 125) << bit
    return number


def _beeps(path: Path) -> Iterator[tuple[float, float]]:
    sound, rate, begin_s = _heard(path)
    step = rate // 1000
    level = np.abs(sound[: len(sound) // step * step]).reshape(-1, step).max(1)
    loud, last = level.max() * 0.4, -1000
    for ms in map(int, np.flatnonzero(level > loud)):
        if ms - last > 100:
            window = sound[ms * step : (ms + 60) * step]
            yield begin_s + ms / 1000, np.count_nonzero(np.diff(np.signbit(window))) / 2 / (len(window) / rate)
        last = ms


def _heard(path: Path) -> "tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], int, float]":
    """Return all sound as mono, its rate in whole kilohertz, and when it begins on the file's clock."""
    pieces: list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]] = []
    rate = _SAMPLES
    with av.open(str(path)) as container:
        zero = (container.start_time or 0) / av.time_base
        for frame in container.decode(audio=0):
            rate = frame.sample_rate
            samples = frame.to_ndarray().astype(np.float64)
            mono = samples[0] if frame.format.is_planar else samples[0][:: frame.layout.nb_channels]
            pieces.append(((frame.time or 0.0) - zero, mono / 2 ** (8 * frame.format.bytes - 1)))
    begin_s = pieces[0][0]
    sound = np.zeros(round((max(at_s for at_s, _ in pieces) - begin_s) * rate) + 4 * rate)
    for at_s, mono in pieces:
        at = round((at_s - begin_s) * rate)
        sound[at : at + len(mono)] = mono
    return sound, rate, begin_s


@dataclass(frozen=True)
class Film:
    """A film and the runs of ffmpeg that make it from the base: each (suffix, input's arguments, output's)."""

    name: str
    runs: tuple[tuple[str, str, str], ...]

    def make(self, ffmpeg: Path, base: Path, folder: Path) -> Path:
        """Make it in a folder and return its path."""
        source = base
        for number, (suffix, before, after) in enumerate(self.runs):
            is_last = number == len(self.runs) - 1
            made = folder / f"{self.name}{'' if is_last else number}{suffix}"
            command = [str(ffmpeg), "-v", "error", "-y", "-nostdin", *before.split(), "-i", str(source)]
            subprocess.run([*command, *after.split(), str(made)], check=True, timeout=300)
            source = made
        return source


_TIMED = "-fps_mode passthrough -copyts"
_FINE = "-enc_time_base:v 1/90000"
TIMINGS = {
    "even": "",
    "half": "-vf fps=30",
    "cinema": "-vf fps=24000/1001",
    "phone": f"-vf {PHONE} {_TIMED}",
    "jitter": rf"-vf select=not(mod(n\,2)),setpts=PTS+(0.006*(1+sin(N*1.7)))/TB {_FINE} {_TIMED}",
    "screen": f"-vf {SCREEN} {_TIMED}",
    "picture_late": f"-vf {LATE} {_TIMED}",
    "sound_late": r"-af aselect=gte(t\,0.8) -copyts",
    "both_late": rf"-vf {LATE} -af aselect=gte(t\,1.3) {_TIMED}",
}
_X264 = "-c:v libx264 -preset ultrafast -crf 18 -pix_fmt yuv420p"
CODECS = {
    ".mp4": f"{_X264} -g 60 -c:a aac -ac 2",
    ".mov": f"{_X264} -g 600 -bf 3 -c:a pcm_mulaw -ar 8000 -ac 1",
    ".mkv": f"{_X264} -g 90 -bf 3 -c:a libopus -ac 2",
    ".ts": f"{_X264} -g 60 -bf 2 -c:a mp2 -muxdelay 0",
    ".webm": "-c:v libvpx -b:v 2M -deadline realtime -cpu-used 8 -c:a libvorbis -ac 2",
}
_PLAIN = CODECS[".mp4"]


def _timed(timing: str, suffix: str) -> Film:
    return Film(f"{timing}_{suffix[1:]}", ((suffix, "", f"{TIMINGS[timing]} {CODECS[suffix]}"),))


def _odd(name: str, *runs: tuple[str, str, str]) -> Film:
    return Film(name, runs)


_X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=180"
_LONG_GOP = (".mp4", "", f"{_X264} -g 180 -bf 3 -c:a aac -ac 2")
_HIDDEN = (".mp4", "-ss 1.5", "-c copy")
FILMS = (
    *(_timed(timing, suffix) for timing in TIMINGS for suffix in CODECS),
    _odd("clock_at_an_hour", (".mp4", "", _PLAIN), (".ts", "", "-c copy -output_ts_offset 3600 -muxdelay 0")),
    _odd("clock_that_wraps", (".mp4", "", _PLAIN), (".ts", "", "-c copy -output_ts_offset 95440 -muxdelay 0")),
    _odd("clock_near_the_wrap", (".mp4", "", _PLAIN), (".ts", "", "-c copy -output_ts_offset 95400 -muxdelay 0")),
    _odd("tuned_in", (".mp4", "", _PLAIN), (".ts", "", r"-c copy -bsf:v noise=drop=lt(n\,30) -muxdelay 0")),
    _odd("slow_mux", (".mp4", "", _PLAIN), (".ts", "", "-c copy -muxdelay 1 -muxpreload 1")),
    _odd("blu_ray", (".m2ts", "", f"{_X264} -bf 3 -c:a ac3 -mpegts_m2ts_mode 1 -output_ts_offset 600")),
    _odd("disc", (".vob", "", "-c:v mpeg2video -vf fps=30 -q:v 2 -g 15 -bf 2 -c:a mp2 -f vob")),
    _odd("trimmed", _LONG_GOP, _HIDDEN),
    _odd("trimmed_twice", _LONG_GOP, _HIDDEN, (".mp4", "-ss 0.7", "-c copy")),
    _odd("trimmed_mov", (".mov", "", f"{_X264} -g 180 -bf 3 -c:a aac"), (".mov", "-ss 1.2", "-c copy")),
    _odd("late_by_edit_list", (".mkv", "", f"{TIMINGS['picture_late']} {_PLAIN}"), (".mp4", "", "-c copy -copyts")),
    _odd("fragmented", (".mp4", "", f"{_PLAIN} -movflags frag_keyframe+empty_moov+default_base_moof")),
    _odd("no_edit_list", (".mp4", "", f"{_PLAIN} -use_editlist 0")),
    _odd("shifted_mp4", (".mp4", "", f"{_PLAIN} -output_ts_offset 2.5")),
    _odd("shifted_mkv", (".mkv", "", f"{_PLAIN} -output_ts_offset 2.5")),
    _odd("hevc_open", (".mkv", "", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=60 -c:a flac")),
    _odd("hevc_ts", (".ts", "", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=90 -c:a aac")),
    _odd("av1", (".mkv", "", "-c:v libsvtav1 -preset 12 -svtav1-params lp=2 -c:a libopus")),
    _odd("vp9", (".webm", "", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -row-mt 1 -c:a libopus")),
    _odd("pictures_alone", (".mov", "", "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p -c:a pcm_s16le")),
    _odd("prores", (".mov", "", "-c:v prores_ks -c:a pcm_s24be")),
    _odd("avi", (".avi", "", "-c:v mpeg4 -q:v 2 -bf 2 -c:a libmp3lame")),
    _odd("flash_video", (".flv", "", f"{_X264} -g 90 -c:a aac -ar 48000")),
    _odd("first_phones", (".3gp", "", "-c:v h263 -s 176x144 -vf fps=15 -c:a aac -ar 24000 -ac 1")),
    _odd("camera_mxf", (".mxf", "", "-c:v mpeg2video -vf fps=25 -q:v 2 -c:a pcm_s16le")),
    _odd("browser_recorder", (".webm", "", f"{TIMINGS['screen']} {CODECS['.webm']} -live 1 -cluster_time_limit 1000")),
    _odd("recorder_killed", (".mkv", "", f"{CODECS['.mkv']} -live 1")),
    _odd("stream_dump", (".flv", "", f"{_X264} -g 90 -c:a aac -flvflags no_duration_filesize")),
    _odd("avi_h264", (".avi", "", f"{_X264} -g 60 -bf 3 -c:a libmp3lame")),
    _odd("below_zero", (".mkv", "", f"{_X264} -g 60 -bf 3 -c:a aac -avoid_negative_ts disabled")),
    _odd("flash_video_short", (".flv", "", f"-vf trim=end=4.2 {_X264} -g 90 -c:a aac")),
    _odd("windows_media", (".wmv", "", "-c:v wmv2 -q:v 2 -g 60 -c:a wmav2")),
    _odd("windows_media_late", (".wmv", "", f"{TIMINGS['both_late']} -c:v wmv2 -q:v 2 -c:a wmav2")),
    _odd(
        "trimmed_hlg",
        (".mp4", "", f"{_X265}:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc -pix_fmt yuv420p -c:a aac"),
        _HIDDEN,
    ),
    _odd("slow_motion", (".mov", "", f"-vf fps=240 {_X264} -g 240 -c:a aac"), (".mov", "-ss 0.8", "-c copy")),
    _odd(
        "slow_motion_ramped",
        (
            ".mov",
            "",
            f"-vf fps=240,select=not(between(t\\,1\\,3))+not(mod(n\\,8)) {_FINE} {_TIMED} {_X264} -g 240 -c:a aac",
        ),
    ),
    _odd("one_a_second", (".mp4", "", f"-vf select=lt(mod(t\\,1)\\,0.001) {_TIMED} {_PLAIN}")),
    _odd("timecode_track", (".mov", "", f"-vf fps=30000/1001 {_X264} -timecode 00:59:58;00 -c:a pcm_s16le")),
    _odd("dnx", (".mov", "", "-c:v dnxhd -profile:v dnxhr_sq -pix_fmt yuv422p -vf scale=320:192 -c:a pcm_s24le")),
    _odd("camera_mxf_intra", (".mxf", "", f"{_X264} -vf fps=25 -g 1 -c:a pcm_s16le")),
    _odd("opus_in_mp4", (".mp4", "", f"{_X264} -g 60 -c:a libopus")),
    _odd(
        "holes",
        (".mkv", "", rf"-af aselect=not(between(t\,0.4\,0.9)+between(t\,2.2\,2.9)) {_X264} -g 60 -c:a aac -copyts"),
    ),
    _odd(
        "small_holes",
        (".mkv", "", rf"-af aselect=not(between(mod(t\,0.5)\,0.3\,0.34)) {_X264} -g 60 -c:a pcm_s16le -copyts"),
    ),
    _odd(
        "holes_mp4",
        (".mp4", "", rf"-af aselect=not(between(t\,0.4\,0.9)+between(t\,2.2\,2.9)) {_X264} -g 60 -c:a aac -copyts"),
    ),
    _odd(
        "holes_ts",
        (".ts", "", rf"-af aselect=not(between(t\,0.4\,0.9)+between(t\,2.2\,2.9)) {_X264} -g 60 -c:a aac -copyts"),
    ),
    _odd("short_sound", (".mp4", "", f"-af atrim=end=2.2 {_PLAIN}")),
    _odd("cd_rate", (".mp4", "", f"{_X264} -g 60 -c:a aac -ar 44100")),
    _odd("studio_rate", (".mov", "", f"{_X264} -g 60 -c:a pcm_s24le -ar 96000")),
    _odd(
        "stream_fragment",
        (".mp4", "", f"{_PLAIN} -movflags frag_keyframe+empty_moov+default_base_moof -output_ts_offset 100"),
    ),
    _odd("program_stream", (".mpg", "", "-c:v mpeg1video -vf fps=30 -q:v 2 -g 15 -bf 2 -c:a mp2")),
    _odd(
        "interlaced_ts",
        (".ts", "", "-c:v mpeg2video -vf fps=25,setfield=tff -flags +ildct+ilme -q:v 2 -g 12 -bf 2 -c:a mp2"),
    ),
    _odd("old_divx", (".avi", "", "-c:v mpeg4 -q:v 2 -c:a pcm_s16le")),
    _odd("ogg", (".ogv", "", "-c:v libtheora -q:v 7 -c:a libvorbis")),
    _odd("mp3_in_mp4", (".mp4", "", f"{_X264} -g 60 -c:a libmp3lame")),
    _odd("gif_like", (".nut", "", f"{_X264} -g 60 -bf 3 -c:a aac")),
    _odd("intra_refresh", (".mkv", "", f"{_X264} -g 120 -x264-params intra-refresh=1 -c:a aac")),
)


def film(name: str) -> Film:
    """Return the film of that name."""
    return next(film for film in FILMS if film.name == name)
