"""What may stand for its source: no wrong film of more than sixty, and every right one of more than two hundred."""

import itertools
import math
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dayreel.footage.media.choose_streams import StreamChoices, choose_streams
from dayreel.footage.media.same_footage import FootageLimits, compare_footage
from dayreel.footage.media.transcode import EVERYTHING, rewrap, transcode
from dayreel.footage.schemas.library import TranscodePlan
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.probe import probe
from dayreel.schemas.content import CheckResult
from tests.unit.footage.media.wrong_films import SOUND, WRONG, make_source
from tests.unit.media.films import FILMS, make_base

FFMPEG = find_ffmpeg()
LIMITS = FootageLimits(min_size_ratio=0.0, max_duration_gap_s=2.0)
_X264 = "-c:v libx264 -preset veryfast -crf 16 -pix_fmt yuv420p -g 50"
_AAC = "-c:a aac -b:a 160k"
_LIVELY = "mandelbrot=s={size}:r=25:start_scale=0.4:end_scale=0.05:end_pts=200,hue=H=0.3*t"
_CARD = "testsrc2=s={size}:r=25"
_PQ = (
    "-c:v libx265 -preset ultrafast"
    " -x265-params log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    " -pix_fmt yuv420p10le -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc"
)


@dataclass(frozen=True)
class Odd:
    """A source of three seconds, in ffmpeg's words, and how its plan differs from the usual."""

    name: str
    picture: str = _LIVELY
    sound: str | None = SOUND
    output: str = f"{_X264} {_AAC}"
    suffix: str = ".mkv"
    size: str = "320x180"
    plan: dict[str, object] = field(default_factory=dict)
    again: str = ""

    def make(self, folder: Path) -> Path:
        """Write it."""
        dest = folder / f"{self.name}{self.suffix}"
        first = dest.with_name(f"{self.name}0{self.suffix}") if self.again else dest
        inputs = ["-f", "lavfi", "-t", "3", "-i", self.picture.format(size=self.size)]
        inputs += [] if self.sound is None else ["-f", "lavfi", "-t", "3", "-i", self.sound]
        run(*inputs, *self.output.split(), str(first))
        if self.again:
            before, _, after = self.again.partition("|")
            run(*before.split(), "-i", str(first), *after.split(), str(dest))
        return dest


ODD = (
    Odd("no_sound", sound=None, output=_X264),
    Odd("digital_silence", sound="anullsrc=r=48000:cl=stereo"),
    Odd("long_silence", output=f"{_X264} {_AAC} -af volume=0:enable=lt(t\\,2.2)"),
    Odd("black", picture="color=black:s={size}:r=25"),
    Odd("black_and_silent", picture="color=black:s={size}:r=25", sound="anullsrc=r=48000:cl=stereo"),
    Odd("white", picture="color=white:s={size}:r=25"),
    Odd("still", picture="smptehdbars=s={size}:r=25"),
    Odd("still_with_grain", picture="smptehdbars=s={size}:r=25,noise=alls=12:allf=t"),
    Odd("dark", picture=_LIVELY + ",lutyuv=y=16+(val-16)/8"),
    Odd("grainy", picture=_LIVELY + ",noise=alls=18:allf=t"),
    Odd("card", picture=_CARD),
    Odd("life", picture="life=s={size}:r=25:mold=10:ratio=0.3:death_color=#202020:life_color=#d0f0a0"),
    Odd("strobe", picture="color=white:s={size}:r=25,drawbox=color=black:t=fill:enable=lt(mod(n\\,6)\\,3)"),
    Odd("mono", output=f"{_X264} -c:a aac -ac 1 -b:a 96k"),
    Odd("mono_8_khz", output=f"{_X264} -c:a pcm_s16le -ac 1 -ar 8000"),
    Odd("cd_rate", output=f"{_X264} -c:a flac -ar 44100"),
    Odd(
        "surround",
        output=f"{_X264} -c:a ac3 -b:a 448k -af pan=5.1|FL=c0|FR=c1|FC=0.5*c0+0.5*c1|LFE=0.2*c0|BL=0.4*c1|BR=0.3*c0",
    ),
    Odd("pcm_wide", output=f"{_X264} -c:a pcm_s24le", suffix=".mov"),
    Odd("ten_bit", output=f"-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le {_AAC}"),
    Odd("hdr_kept", output=f"{_PQ} {_AAC}", plan={"hdr": "keep", "preset": "h265"}),
    Odd("hdr_mapped", output=f"{_PQ} {_AAC}", plan={"hdr": "tonemap"}),
    Odd("hdr_mapped_card", picture=_CARD, output=f"{_PQ} {_AAC}", plan={"hdr": "tonemap"}),
    Odd("hlg_mapped", output=f"{_PQ} {_AAC}".replace("smpte2084", "arib-std-b67"), plan={"hdr": "tonemap"}),
    Odd(
        "interlaced",
        picture=_CARD.replace("25", "50") + ",interlace=lowpass=0",
        output=f"{_X264} -flags +ildct+ilme {_AAC}",
    ),
    Odd(
        "interlaced_bottom",
        picture=_LIVELY.replace("r=25", "r=50") + ",interlace=scan=bff:lowpass=0",
        output=f"{_X264} -flags +ildct+ilme -x264opts bff=1 {_AAC}",
    ),
    Odd(
        "interlaced_mpeg2",
        picture=_LIVELY.replace("r=25", "r=50") + ",interlace",
        output="-c:v mpeg2video -q:v 2 -flags +ildct+ilme -c:a mp2",
        suffix=".ts",
    ),
    Odd("quarter_turn", suffix=".mp4", again="-display_rotation 90|-c copy"),
    Odd("half_turn", suffix=".mp4", again="-display_rotation 180|-c copy"),
    Odd("quarter_turn_back", suffix=".mp4", again="-display_rotation 270|-c copy"),
    Odd("anamorphic", output=f"{_X264} -vf scale=240:180,setsar=4/3 {_AAC}"),
    Odd("anamorphic_disc", output="-c:v mpeg2video -q:v 2 -vf scale=352:288,setsar=16/11 -c:a mp2", suffix=".vob"),
    Odd("odd_size", output=f"-c:v ffv1 -pix_fmt yuv444p {_AAC}", size="161x121"),
    Odd("halved", plan={"max_height": 144}, size="640x360"),
    Odd(
        "halved_and_turned",
        plan={"max_height": 200},
        suffix=".mp4",
        size="480x270",
        again="-display_rotation 90|-c copy",
    ),
    Odd("full_range", output=f"{_X264} -color_range pc -vf scale=in_range=limited:out_range=full {_AAC}"),
    Odd("motion_jpeg", output="-c:v mjpeg -q:v 2 -pix_fmt yuvj420p -c:a pcm_s16le", suffix=".mov"),
    Odd("bt601", output=f"{_X264} -colorspace smpte170m -color_primaries smpte170m -color_trc smpte170m {_AAC}"),
    Odd(
        "bt709",
        output=f"{_X264} -vf scale=out_color_matrix=bt709 {_AAC}"
        " -colorspace bt709 -color_primaries bt709 -color_trc bt709",
    ),
    Odd("rgb", output=f"-c:v ffv1 -pix_fmt gbrp {_AAC}"),
    Odd("rgb_x264", output=f"-c:v libx264rgb -preset ultrafast -crf 12 {_AAC}"),
    Odd("wide_chroma", output=f"-c:v libx264 -preset veryfast -crf 16 -pix_fmt yuv444p {_AAC}"),
    Odd("grey_film", output=f"{_X264} -vf hue=s=0 {_AAC}"),
    Odd("slow", picture=_LIVELY + ",fps=8"),
    Odd("high_definition", size="1280x720", picture=_LIVELY),
    Odd("high_definition_card", size="1280x720", picture=_CARD),
    Odd("upright", size="180x320"),
    Odd("tiny", size="64x48"),
    Odd("late_picture", again="-itsoffset 0.7|-map 0:v -c copy", sound=None, output=_X264),
    Odd("two_tones", sound="sine=f=440:r=48000:d=3,aformat=channel_layouts=stereo"),
    Odd("quiet", output=f"{_X264} {_AAC} -af volume=-38dB"),
    Odd("loud", output=f"{_X264} {_AAC} -af volume=9dB,alimiter=limit=0.98:level=0"),
)
OTHER_TOOLS = {
    "mp4": (".mp4", "-c:v libx264 -preset veryfast -crf 23 -pix_fmt yuv420p -c:a aac -b:a 128k"),
    "small_mp4": (".mp4", "-c:v libx264 -preset veryfast -crf 28 -pix_fmt yuv420p -c:a aac -b:a 96k"),
    "webm": (
        ".webm",
        "-c:v libvpx-vp9 -crf 32 -b:v 0 -deadline realtime -cpu-used 6 -pix_fmt yuv420p -c:a libopus -b:a 96k",
    ),
    "avi": (".avi", "-c:v mpeg4 -q:v 3 -c:a libmp3lame -b:a 160k"),
    "ts": (".ts", "-c:v mpeg2video -q:v 3 -c:a mp2 -b:a 192k"),
    "hevc": (
        ".mkv",
        "-c:v libx265 -preset veryfast -crf 26 -x265-params log-level=none -pix_fmt yuv420p -c:a ac3 -b:a 192k",
    ),
}
_FOR_OTHERS = (
    "card",
    "grainy",
    "mono",
    "cd_rate",
    "still",
    "black",
    "dark",
    "digital_silence",
    "no_sound",
    "two_tones",
)


def run(*arguments: str) -> None:
    """Run ffmpeg."""
    subprocess.run([str(FFMPEG), "-v", "error", "-y", "-nostdin", *arguments], check=True, timeout=300)


@dataclass(frozen=True)
class Right:
    """A source and what was rightly made of it."""

    name: str
    source: Path
    made: Path
    limits: FootageLimits = LIMITS
    choices: StreamChoices | None = None

    def checks(self) -> list[CheckResult]:
        """Compare them."""
        return compare_footage(self.source, self.made, self.limits, choices=self.choices)


HDR_KEPT: dict[str, object] = {"preset": "h265", "hdr": "keep"}


def right_ones(folder: Path, share: int) -> Iterator[Right]:
    """Make a share of what dayreel and other tools make, one after the other under the same names."""
    base = make_base(folder / "base.mkv")
    presets = itertools.cycle(("h264", "h265", "av1"))
    for film in FILMS[share::SHARES]:
        source = film.make(FFMPEG, base, folder)
        yield _rewrapped(film.name, source, folder)
        is_hdr = probe(source).best_video_stream().is_hdr  # which the plan refuses, unless it says what becomes of it
        yield _encoded(film.name, source, folder, HDR_KEPT if is_hdr else {"preset": next(presets)})
    for odd in ODD[share::SHARES]:
        source = odd.make(folder)
        is_hdr = probe(source).best_video_stream().is_hdr
        if "hdr" not in odd.plan and not is_hdr:
            yield _rewrapped(odd.name, source, folder)
        for preset in (odd.plan.get("preset"),) if "preset" in odd.plan else ("h264", "h265"):
            yield _encoded(odd.name, source, folder, {"preset": preset, **odd.plan})
        for tool in OTHER_TOOLS if odd.name in _FOR_OTHERS else ():
            suffix, arguments = OTHER_TOOLS[tool]
            made = folder / f"made{suffix}"
            run("-i", str(source), *arguments.split(), str(made))
            yield Right(f"{odd.name} by another tool as {tool}", source, made)
    if share == 0:
        yield _downmixed(folder)


def _rewrapped(name: str, source: Path, folder: Path) -> Right:
    choices, made = choose_streams(probe(source), EVERYTHING), folder / "copied.mkv"
    rewrap(source, made, choices, ffmpeg=FFMPEG)
    return Right(f"{name} copied", source, made, choices=choices)


def _encoded(name: str, source: Path, folder: Path, fields: dict[str, object]) -> Right:
    plan, made = TranscodePlan.model_validate(fields), folder / "encoded.mkv"
    transcode(source, made, plan, ffmpeg=FFMPEG)
    limits = FootageLimits(0.0, 2.0, max_height=plan.max_height, is_tone_mapped=plan.hdr == "tonemap")
    return Right(f"{name} as {plan.preset}", source, made, limits, choose_streams(probe(source), EVERYTHING))


def _downmixed(folder: Path) -> Right:
    source, made = next(odd for odd in ODD if odd.name == "surround").make(folder), folder / "stereo.mkv"
    run("-i", str(source), "-c:v", "copy", "-c:a", "aac", "-ac", "2", str(made))
    return Right(
        "surround as stereo, as planned", source, made, FootageLimits(0.0, 2.0, may_lose=frozenset({"channels"}))
    )


_FIGURE = re.compile(r"[+-]?\d+\.\d+")
_LIMITS = re.compile(r"at most ([\d.]+)|at least (-?[\d.]+)|([\d.]+) to ([\d.]+)")
SHARES = 4
"""Of the right films, each a test: `-k "0 or 1"` beside `-k "2 or 3"` takes half the time on two cores."""


def _room(check: CheckResult) -> float:
    """Return how far a figure is from its limit: 1 where nothing differs, 0 at it, negative beyond; words inf."""
    value, limits = _FIGURE.fullmatch(check.value), _LIMITS.fullmatch(check.expected)
    if value is None or limits is None:
        return math.inf
    share = float(value[0])
    most, least, low, high = (float(limit) if limit else None for limit in limits.groups())
    if most is not None:
        return 1 - share / most
    rooms = [(share - limit) / (1 - limit) for limit in (least, low) if limit is not None]
    return min([*rooms, *((high - share) / (high - 1) for high in (high,) if high is not None)])


def _nearest(what: str, checks: list[tuple[str, CheckResult]]) -> str:
    """Say which films are nearest to a limit, by the check."""
    nearest = sorted(checks, key=lambda named: abs(_room(named[1])))[:5]
    return f"nearest {what}: " + ", ".join(
        f"{name} ({check.name} {check.value}, {check.expected})" for name, check in nearest
    )


def test_no_wrong_film_is_accepted(tmp_path: Path, figure: Callable[[str], None]) -> None:
    sources = {n: make_source(FFMPEG, tmp_path / f"source{n}.mkv", tracks=n) for n in (1, 2)}
    accepted, unseen, worst = [], [], []
    for wrong in WRONG:
        made = wrong.make(FFMPEG, sources[wrong.tracks], tmp_path / "wrong.mkv")
        failed = [check for check in compare_footage(sources[wrong.tracks], made, LIMITS) if not check.passed]
        accepted += [] if failed else [wrong.name]
        unseen += [] if {check.name for check in failed} & {*wrong.seen_by} else [(wrong.name, failed)]
        if failed and all(math.isfinite(_room(check)) for check in failed):
            worst.append((wrong.name, min(failed, key=_room)))
    figure(f"{len(WRONG)} wrong films: {len(accepted)} accepted; {_nearest('by the check furthest off', worst)}")
    assert not accepted
    assert not unseen, "another check than the one that is meant to has seen it"


@pytest.mark.parametrize("share", range(SHARES))
def test_no_right_film_is_refused(tmp_path: Path, figure: Callable[[str], None], share: int) -> None:
    refused, tightest, count = [], [], 0
    for right in right_ones(tmp_path, share):
        count += 1
        checks = right.checks()
        refused += [(right.name, check.name, check.value) for check in checks if not check.passed]
        tightest.append((right.name, min(checks, key=_room)))
    figure(f"{count} right films: {len({name for name, _, _ in refused})} refused; {_nearest('to a limit', tightest)}")
    assert not refused
    assert count >= 200 / SHARES
