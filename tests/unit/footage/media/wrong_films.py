"""Ways in which an output is not its source any more, as ffmpeg makes them of a lively film; each with what sees it.

Every way keeps the codecs and the length, unless these are what is wrong: nothing else gives it away.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

SECONDS = 8
_PICTURE = (
    f"mandelbrot=s=320x180:r=25:start_scale=0.4:end_scale=0.05:end_pts=200,trim=duration={SECONDS},"
    "hue=H=0.3*t:s=0.8+0.2*sin(t),rotate=0.15*sin(1.3*t):ow=iw:oh=ih,noise=alls=4:allf=t,format=yuv420p"
)
_LEFT = "(0.25*sin(2*PI*(180+40*sin(2*PI*0.7*t))*t)+0.35*(random(0)-0.5))*pow(abs(sin(2*PI*0.83*t+sin(1.9*t)))\\,2)"
_RIGHT = "(0.2*sin(2*PI*(520+60*sin(2*PI*0.4*t))*t)+0.35*(random(1)-0.5))*pow(abs(sin(2*PI*1.21*t+cos(1.3*t)))\\,2)"
_OTHER = "(0.3*sin(2*PI*310*t)+0.35*(random(2)-0.5))*pow(abs(sin(2*PI*0.61*t+2))\\,2)"
SOUND = f"aevalsrc={_LEFT}|{_RIGHT}:s=48000:d={SECONDS}"
OTHER_SOUND = f"aevalsrc={_OTHER}|{_OTHER}:s=48000:d={SECONDS}"
_X264 = "-c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p"
_AAC = "-c:a aac -b:a 192k"
_SAME = f"{_X264} {_AAC}"


def make_source(ffmpeg: Path, dest: Path, *, seconds: float = SECONDS, tracks: int = 1) -> Path:
    """Write the film that the wrong ones are made from: moving, colourful, with different sound left and right."""
    sounds = (SOUND, OTHER_SOUND)[:tracks]
    inputs = [word for sound in sounds for word in ("-f", "lavfi", "-t", str(seconds), "-i", sound)]
    maps = [word for n in range(tracks + 1) for word in ("-map", str(n))]
    labels = [] if tracks == 1 else ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra"]
    encode = f"-c:v libx264 -preset veryfast -crf 14 -pix_fmt yuv420p -g 50 {_AAC}".split()
    picture = ["-f", "lavfi", "-t", str(seconds), "-i", _PICTURE]
    _run(ffmpeg, *picture, *inputs, *maps, *labels, *encode, str(dest))
    return dest


@dataclass(frozen=True)
class Wrong:
    """One way: ffmpeg's arguments after the source as first input, and the checks of which at least one sees it."""

    name: str
    arguments: str
    seen_by: tuple[str, ...]
    tracks: int = 1
    before: str = ""

    def make(self, ffmpeg: Path, source: Path, dest: Path) -> Path:
        """Write the wrong film."""
        _run(ffmpeg, *self.before.split(), "-i", str(source), *self.arguments.split(), str(dest))
        return dest


def _run(ffmpeg: Path, *arguments: str) -> None:
    subprocess.run([str(ffmpeg), "-v", "error", "-y", "-nostdin", *arguments], check=True, timeout=120)


def _picture(name: str, chain: str, *seen_by: str) -> Wrong:
    return Wrong(name, f"-map 0 -vf {chain} {_X264} -c:a copy", seen_by)


def _sound(name: str, chain: str, *seen_by: str) -> Wrong:
    return Wrong(name, f"-map 0 -c:v copy -af {chain} {_AAC}", seen_by)


def _graph(name: str, graph: str, *seen_by: str, output: str = f"-map [v] -map 0:a {_SAME}") -> Wrong:
    return Wrong(name, f"-filter_complex {graph} {output}", seen_by)


_LIGHT = "drawbox=x=250:y=12:w=56:h=20:color=white@0.9:t=fill"
WRONG = (
    _sound("muted", "volume=0", "loudness"),
    Wrong("no_sound_stream", "-map 0:v -c copy", ("sound",)),
    Wrong("other_sound", f"-f lavfi -t 8 -i {OTHER_SOUND} -map 0:v -map 1:a -c:v copy {_AAC}", ("sound_waves",)),
    Wrong("one_second_of_eight", f"-map 0 -t 1 {_SAME}", ("decodes_fully",)),
    Wrong("half_of_it", f"-map 0 -t 4 {_SAME}", ("decodes_fully",)),
    Wrong("last_second_gone", f"-map 0 -t 7 {_SAME}", ("ends",)),
    Wrong("first_second_gone", f"-map 0 {_SAME}", ("ends",), before="-ss 1"),
    _graph(
        "both_late_by_1_5_s",
        "[0:v]tpad=start_duration=1.5:start_mode=clone[v];[0:a]adelay=1500:all=1[a]",
        "picture_on_time",
        output=f"-map [v] -map [a] -t 8 {_SAME}",
    ),
    Wrong("mono_8_khz", f"-map 0 -c:v copy -ac 1 -ar 8000 {_AAC}", ("channels",)),
    Wrong("telephone", f"-map 0 -c:v copy -ar 8000 {_AAC}", ("sound_bands",)),
    _picture("tinted", "colorchannelmixer=rr=1.12:bb=0.88", "tint"),
    _picture("slightly_green", "lutrgb=g=clip(val+9\\,0\\,255)", "tint"),
    _picture("stamp_size", "scale=64:36", "picture_size"),
    _picture("stamp_size_blown_up", "scale=64:36,scale=320:180", "detail"),
    _picture("squeezed", "scale=240:180,setsar=1", "aspect"),
    _picture("stretched_inside", "scale=320:240,crop=320:180,setsar=1", "pictures"),
    Wrong("crf_51", "-map 0 -c:v libx264 -preset veryfast -crf 51 -pix_fmt yuv420p -c:a copy", ("likeness", "detail")),
    Wrong("macroblocks", "-map 0 -c:v mpeg4 -b:v 60k -c:a copy", ("likeness", "detail", "tint")),
    _picture("black", "drawbox=color=black:t=fill", "pictures"),
    _picture("black_for_a_second", "drawbox=color=black:t=fill:enable=between(t\\,4\\,5)", "pictures"),
    _picture("frozen_tail", "trim=end=6,tpad=stop_mode=clone:stop_duration=2", "pictures"),
    _picture("frozen_middle", "loop=loop=25:size=1:start=100,setpts=N/25/TB,trim=end_frame=200", "pictures"),
    Wrong("tracks_swapped", "-map 0:v -map 0:a:1 -map 0:a:0 -c copy", ("language",), tracks=2),
    Wrong(
        "tracks_swapped_under_their_labels",
        "-map 0:v -map 0:a:1 -map 0:a:0 -c copy -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra",
        ("sound_waves",),
        tracks=2,
    ),
    Wrong("second_track_gone", "-map 0:v -map 0:a:0 -c copy", ("sound_tracks",), tracks=2),
    Wrong("first_track_gone", "-map 0:v -map 0:a:1 -c copy", ("sound_tracks",), tracks=2),
    Wrong(
        "one_track_twice",
        "-map 0:v -map 0:a:0 -map 0:a:0 -c copy -metadata:s:a:1 language=fra",
        ("sound_waves",),
        tracks=2,
    ),
    _picture("on_its_side", "transpose=1,scale=320:180,setsar=1", "pictures"),
    Wrong("turned_by_its_tag", "-map 0 -c copy", ("pictures",), before="-display_rotation 180"),
    _picture("upside_down", "vflip", "pictures"),
    _picture("mirrored", "hflip", "pictures"),
    _sound("sound_late_by_0_3_s", "adelay=300:all=1", "in_sync"),
    _sound("sound_late_by_60_ms", "adelay=60:all=1", "in_sync"),
    _graph(
        "sound_late_by_0_2_s_at_the_end",
        "[0:a]asplit[a][b];[a]atrim=end=5[a];[b]atrim=start=5,asetpts=PTS-STARTPTS,adelay=200:all=1[b];"
        "[a][b]concat=v=0:a=1,atrim=end=8[a]",
        "in_sync",
        output=f"-map 0:v -map [a] -c:v copy {_AAC}",
    ),
    Wrong("sound_early_by_0_3_s", f"-map 0 -c:v copy -af atrim=start=0.3,asetpts=PTS-STARTPTS {_AAC}", ("in_sync",)),
    Wrong(
        "picture_late_by_0_2_s",
        f"-map 0 -vf tpad=start_duration=0.2:start_mode=clone -t 8 {_X264} -c:a copy",
        ("picture_on_time",),
    ),
    Wrong("drifting_sound", f"-map 0 -c:v copy -af asetrate=47800,aresample=48000 {_AAC}", ("sound_waves",)),
    _sound("half_the_volume", "volume=0.5", "loudness"),
    _sound("left_silent", "pan=stereo|c0=0*c0|c1=c1", "loudness"),
    _sound("left_and_right_swapped", "pan=stereo|c0=c1|c1=c0", "sound_waves"),
    _sound("both_sides_the_same", "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0+0.5*c1", "sound_waves"),
    Wrong("downmixed_to_one", f"-map 0 -c:v copy -ac 1 {_AAC}", ("channels",)),
    _picture("cropped", "crop=288:162,scale=320:180", "pictures"),
    _picture("shifted_by_8_pixels", "crop=312:180:8:0,pad=320:180", "fields"),
    _picture("letterboxed", "scale=320:136,pad=320:180:0:22,setsar=1", "pictures"),
    _picture("pillarboxed", "scale=240:180,pad=320:180:40:0,setsar=1", "pictures"),
    _graph(
        "faster_by_2_percent",
        "[0:v]setpts=PTS/1.02[v];[0:a]atempo=1.02[a]",
        "sound_waves",
        output=f"-map [v] -map [a] {_SAME}",
    ),
    _graph("picture_alone_faster", "[0:v]setpts=PTS/1.02,fps=25[v]", "in_sync"),
    _graph("backwards", "[0:v]reverse[v];[0:a]areverse[a]", "pictures", output=f"-map [v] -map [a] {_SAME}"),
    _graph("sound_backwards", "[0:v]null[v];[0:a]areverse[a]", "sound_waves", output=f"-map [v] -map [a] {_SAME}"),
    _graph("first_second_again_and_again", "[0:v]loop=loop=-1:size=25,setpts=N/25/TB,trim=end=8[v]", "pictures"),
    _graph(
        "a_second_gone_in_the_middle",
        "[0:v]select=not(between(t\\,4\\,4.99)),setpts=N/25/TB[v];[0:a]aselect=not(between(t\\,4\\,4.99)),asetpts=N/SR/TB[a]",
        "pictures",
        output=f"-map [v] -map [a] {_SAME}",
    ),
    _sound("sound_gone_for_a_second", "volume=0:enable=between(t\\,4\\,5)", "sound_gaps"),
    _picture("every_second_picture_gone", "select=not(mod(n\\,2))", "decodes_fully"),
    _picture("every_second_picture_doubled", "fps=12.5,fps=25", "steps"),
    _picture("lines_in_wrong_order", "il=ls=1:cs=1", "grain"),
    _picture("fields_of_two_pictures", "tinterlace=mode=interleave_top,fps=25", "steps"),
    _picture("grey", "hue=s=0", "chroma"),
    _picture("pale", "hue=s=0.7", "chroma"),
    _picture("inverted", "negate", "pictures"),
    _picture("washed_out", "scale=in_range=full:out_range=limited,setparams=range=limited", "contrast"),
    _picture("crushed", "scale=in_range=limited:out_range=full,setparams=range=limited", "contrast"),
    _picture("gamma", "eq=gamma=1.25", "tint"),
    _picture("red_and_blue_swapped", "colorchannelmixer=rr=0:rb=1:bb=0:br=1", "tint"),
    _picture("blurred", "gblur=sigma=2", "detail"),
    _picture("noisy", "noise=alls=60:allf=t", "likeness", "tint"),
    _picture("logo_burned_in", _LIGHT, "fields"),
    _picture(
        "subtitle_for_a_second",
        "drawbox=x=90:y=150:w=140:h=14:color=white:t=fill:enable=between(t\\,3\\,4.2)",
        "fields",
    ),
    _sound("clipped", "volume=18dB,alimiter=limit=0.99:level=0:attack=0.1:release=1,volume=-18dB", "loudness"),
    _sound("hard_clipped", "volume=20dB,aformat=s16,volume=-20dB", "loudness"),
    Wrong(
        "hissing",
        "-f lavfi -t 8 -i anoisesrc=a=0.12:r=48000 -filter_complex [0:a][1:a]amix=inputs=2:normalize=0[a]"
        f" -map 0:v -map [a] -c:v copy {_AAC}",
        ("sound_waves", "loudness"),
    ),
    _sound("phase_inverted", "aeval=-val(0)|-val(1):c=same", "sound_waves"),
    _sound("one_side_inverted", "aeval=val(0)|-val(1):c=same", "sound_waves"),
    _sound("muffled", "lowpass=f=1500:p=2,lowpass=f=1500:p=2", "sound_bands"),
    Wrong("sound_ends_early", f"-map 0 -c:v copy -af atrim=end=6.5 {_AAC}", ("sound_gaps",)),
    Wrong(
        "another_film", f"-f lavfi -t 8 -i testsrc2=s=320x180:r=25 -map 1:v -map 0:a {_X264} -c:a copy", ("pictures",)
    ),
)
