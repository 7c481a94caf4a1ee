"""Composition: copied where it can be, encoded once where it must be, and measured either way."""

import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from dayreel.errors import MediaError
from dayreel.media.compose import Composed, compose
from dayreel.media.edit_plan import ComposePlan
from dayreel.media.loudness import AudioPart, measure
from dayreel.media.probe import decode_fully, probe

MakeClip = Callable[..., Path]
Run = Callable[..., None]
Make = Callable[..., Composed]

SMALL = ComposePlan(width=180, height=320, preset="ultrafast")
QUIET = "aevalsrc=0.0004*sin(2000*t)|0.0004*sin(2000*t):s=48000"
BURSTS = "aevalsrc='if(lt(mod(t,0.5),0.05),0.95*sin(3000*t),0.002*(random(0)*2-1))':s=48000"


@pytest.fixture
def make_video(tmp_path: Path, ffmpeg: Path) -> Make:
    """Compose into out/final_video.mp4 with a small plan, changed by keyword."""

    def make(*segments: Path, **changes: Any) -> Composed:
        return compose(segments, tmp_path / "out" / "final_video.mp4", plan=replace(SMALL, **changes), ffmpeg=ffmpeg)

    return make


def pixels(path: Path, at_s: float) -> np.ndarray[Any, Any]:
    """Return the RGB frame shown at `at_s`."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if (frame.time or 0) >= at_s - 0.001:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"no frame at {at_s}")


def sound(path: Path) -> np.ndarray[Any, Any]:
    """Return the left channel, one value per sample at 48 kHz."""
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def assert_in_tune(made: Composed) -> None:
    """The reported loudness is the file's own, and on target."""
    index = probe(made.path).audio[0].index
    measured = measure([AudioPart(made.path, index, 0, 99)], true_peak=True)
    assert made.loudness_lufs == measured.integrated_lufs == pytest.approx(-14.0, abs=0.5)
    assert made.true_peak_dbtp is not None
    assert made.true_peak_dbtp <= -1.0


def test_matching_segments_are_copied_and_only_audio_is_encoded(make_clip: MakeClip, make_video: Make) -> None:
    clips = [make_clip(f"{n}.mp4", video_filter=f"hue=h={n * 90}") for n in range(3)]
    made = make_video(*clips)
    assert (made.mode, made.why_encoded) == ("copy", "")
    assert (made.width, made.height, made.fps) == (180, 320, Fraction(24))
    assert made.duration_s == pytest.approx(3.0, abs=0.05)
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert made.size_bytes == made.path.stat().st_size
    assert_in_tune(made)
    for n in range(3):  # the very pixels of the segments
        assert np.array_equal(pixels(made.path, n + 0.5), pixels(clips[n], 0.5))


def test_the_file_is_what_platforms_ask_for(make_clip: MakeClip, make_video: Make) -> None:
    with_b_frames = ("-preset", "veryfast", "-bf", "2")
    made = make_video(*(make_clip(f"{n}.mp4", options=with_b_frames) for n in range(2)))
    facts = probe(made.path)
    assert made.mode == "copy"
    assert facts.moov_before_mdat
    assert not facts.has_edit_list
    assert facts.video[0].start_s == facts.audio[0].start_s == 0.0
    assert facts.video[0].is_constant_rate
    assert (facts.audio[0].codec, facts.audio[0].sample_rate, facts.audio[0].channels) == ("aac", 48_000, 2)
    assert decode_fully(made.path).frames == 48


def test_making_it_again_gives_the_same_bytes(make_clip: MakeClip, make_video: Make) -> None:
    clips = [make_clip("a.mp4", duration_s=0.5), make_clip("b.mp4", size="320x180", duration_s=0.5)]
    assert make_video(*clips).sha256 == make_video(*clips).sha256


@pytest.mark.parametrize("is_drawn_on", [False, True])
def test_sound_stays_with_its_picture(make_clip: MakeClip, make_video: Make, tmp_path: Path, is_drawn_on: bool) -> None:
    burst = "aevalsrc='if(between(t,0.5,0.6),0.5*sin(6000*t),0)':s=48000"
    clips = [make_clip(f"{n}.mp4", sound=burst) for n in range(2)]
    made = make_video(*clips, watermark=logo(tmp_path) if is_drawn_on else None)
    assert made.mode == ("encode" if is_drawn_on else "copy")
    heard = np.abs(sound(made.path))
    loud = heard > heard.max() / 4
    assert np.argmax(loud) / 48_000 == pytest.approx(0.5, abs=0.005)
    assert (48_000 + np.argmax(loud[48_000:])) / 48_000 == pytest.approx(1.5, abs=0.005)


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"size": "320x180"}, "size 320x180"),
        ({"rate": "15"}, "15.000 fps"),
        ({"options": ("-pix_fmt", "yuv444p")}, "pixels yuv444p"),
        ({"options": ("-pix_fmt", "yuvj420p")}, "pixels yuvj420p"),
        ({"options": ("-c:v", "mpeg4")}, "codec mpeg4"),
        ({"options": ("-x264-params", "ref=3:cabac=1")}, "codec parameters differ"),
        ({"video_filter": "setsar=2"}, "pixel aspect 2"),
    ],
)
def test_a_differing_segment_forces_an_encode_with_the_reason(
    make_clip: MakeClip, make_video: Make, odd: dict[str, Any], why: str
) -> None:
    made = make_video(make_clip("plain.mp4", duration_s=0.5), make_clip("odd.mp4", duration_s=0.5, **odd), fps=24)
    assert made.mode == "encode"
    assert f"odd.mp4: {why}" in made.why_encoded
    video = probe(made.path).best_video_stream()
    assert (video.codec, video.width, video.height, video.sar, video.fps) == (
        "h264",
        180,
        320,
        Fraction(1),
        Fraction(24),
    )
    assert (video.pix_fmt, video.color_range, video.color_space) == ("yuv420p", "tv", "bt709")
    assert made.duration_s == pytest.approx(1.0, abs=0.05)
    assert_in_tune(made)


def test_a_variable_frame_rate_becomes_a_constant_one(make_clip: MakeClip, make_video: Make) -> None:
    odd = make_clip(
        rate="30", video_filter="select='not(mod(n\\,7))+gt(n\\,15)'", options=("-fps_mode", "vfr"), duration_s=2
    )
    made = make_video(odd, fps=30)
    assert made.why_encoded.endswith("variable frame rate")
    assert probe(made.path).best_video_stream().is_constant_rate
    assert made.duration_s == pytest.approx(2.0, abs=0.05)


def test_a_plan_shorter_than_the_segments_is_kept_to_the_frame(make_clip: MakeClip, make_video: Make) -> None:
    clip = make_clip(duration_s=2)
    made = make_video(clip, clip, segment_duration_s=0.75)
    assert made.mode == "encode"
    assert "+2.50 s from the plan" in made.why_encoded
    assert made.duration_s == pytest.approx(1.5, abs=0.02)


def test_the_same_segment_may_come_twice(make_clip: MakeClip, make_video: Make) -> None:
    clip = make_clip()
    assert make_video(clip, clip).duration_s == pytest.approx(2.0, abs=0.05)
    assert make_video(clip, clip, fps=12).mode == "encode"


def test_a_segment_without_sound_is_silent_in_its_place(make_clip: MakeClip, make_video: Make) -> None:
    made = make_video(make_clip("mute.mp4", sound=None), make_clip("heard.mp4"))
    assert made.mode == "copy"
    assert_in_tune(made)
    heard = np.abs(sound(made.path))
    assert heard[:40_000].max() < 0.001
    assert heard[52_000:].max() > 0.1


@pytest.mark.parametrize("silent", [{"sound": None}, {"sound": "anullsrc=r=48000:cl=stereo"}])
def test_silent_segments_give_a_silent_track_and_no_loudness(
    make_clip: MakeClip, make_video: Make, silent: dict[str, Any]
) -> None:
    made = make_video(make_clip(**silent))
    assert (made.loudness_lufs, made.true_peak_dbtp) == (None, None)
    assert len(probe(made.path).audio) == 1
    assert np.abs(sound(made.path)).max() < 0.001


@pytest.mark.parametrize("source", [QUIET, BURSTS, "aevalsrc='if(gt(sin(700*t),0),0.99,-0.99)':s=48000"])
def test_quiet_dynamic_and_clipped_audio_all_reach_the_target(
    make_clip: MakeClip, make_video: Make, source: str
) -> None:
    assert_in_tune(make_video(make_clip(sound=source, duration_s=2)))


def test_audio_too_peaky_to_be_loud_is_limited_and_reported(make_clip: MakeClip, make_video: Make) -> None:
    click = "aevalsrc='if(between(t,1,1.001),0.9*(random(0)*2-1),0)':s=48000"
    made = make_video(make_clip(sound=click, duration_s=2))
    assert made.loudness_lufs is not None
    assert made.loudness_lufs < -15
    assert made.true_peak_dbtp is not None
    assert made.true_peak_dbtp <= -1.0


def test_the_sound_is_that_of_two_pass_loudnorm_in_linear_mode(
    make_clip: MakeClip, make_video: Make, run: Run, ffmpeg: Path, tmp_path: Path
) -> None:
    clip = make_clip(duration_s=4)
    target = "loudnorm=I=-14:TP=-1:LRA=20"
    first = subprocess.run(
        [str(ffmpeg), "-i", str(clip), "-vn", "-af", f"{target}:print_format=json", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    first_pass = json.loads(first[first.rindex("{") : first.rindex("}") + 1])
    measured = ":".join(
        f"measured_{name}={first_pass[f'input_{name.lower()}']}" for name in ("I", "TP", "LRA", "thresh")
    )
    reference = tmp_path / "reference.m4a"
    second = f"{target}:linear=true:{measured},aresample=48000"
    run("-i", clip, "-vn", "-af", second, "-c:a", "aac", "-b:a", "128k", reference)
    ours, theirs = sound(make_video(clip).path)[24_000:168_000], sound(reference)[24_000:168_000]
    assert np.sqrt(np.mean(theirs**2)) > 0.1
    assert np.abs(ours - theirs).max() < 0.02


def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo 100%.png"
    Image.new("RGBA", (40, 20), (255, 255, 255, 255)).save(path)
    return path


def test_a_watermark_is_drawn_in_the_lower_right_corner(make_clip: MakeClip, make_video: Make, tmp_path: Path) -> None:
    black = make_clip(picture="color=c=black", duration_s=0.5)
    made = make_video(black, watermark=logo(tmp_path))
    assert made.why_encoded == "something is drawn over the picture"
    frame = pixels(made.path, 0.4).max(axis=2)
    assert frame[300:312, 145:170].mean() > 180
    assert frame[:280].mean() < 5
    assert frame[300:312, :100].mean() < 5


def test_a_watermark_that_is_no_image_is_refused(make_clip: MakeClip, make_video: Make, tmp_path: Path) -> None:
    page = tmp_path / "logo.png"
    page.write_text("<html>")
    with pytest.raises(MediaError, match=r"watermark '.*logo.png'; it is not an image"):
        make_video(make_clip(), watermark=page)


def test_captions_are_burned_in_whatever_the_file_is_called(
    make_clip: MakeClip, make_video: Make, tmp_path: Path
) -> None:
    captions = tmp_path / "it's a: [day], 100%.srt"
    captions.write_text("1\n00:00:00,000 --> 00:00:00,500\nHELLO\n")
    made = make_video(make_clip(picture="color=c=black"), captions=captions)
    assert pixels(made.path, 0.25).max() > 150
    assert pixels(made.path, 0.75).max() < 30


def test_intro_and_outro_are_taken_whole_around_the_segments(make_clip: MakeClip, make_video: Make) -> None:
    colours = {"red": "color=c=red", "green": "color=c=lime", "blue": "color=c=blue"}
    red, green, blue = (make_clip(f"{name}.mp4", picture=source) for name, source in colours.items())
    made = make_video(green, intro=red, outro=blue, segment_duration_s=0.5)
    assert made.duration_s == pytest.approx(2.5, abs=0.05)
    strongest = [int(pixels(made.path, at_s).mean(axis=(0, 1)).argmax()) for at_s in (0.5, 1.25, 2.0)]
    assert strongest == [0, 1, 2]


VOICE = "aevalsrc='0.3*sin(2*PI*300*t)*gt(sin(2*PI*2*t),0)':s=22050"


def test_narration_is_mixed_over_a_ducked_bed_with_video_copied(make_clip: MakeClip, make_video: Make) -> None:
    voice = make_clip("voice.mp3", picture=None, sound=VOICE, options=("-c:a", "libmp3lame", "-ac", "1"))
    bed = make_clip(duration_s=2, sound="aevalsrc=0.4*sin(2*PI*2000*t):s=48000")
    made = make_video(bed, narration=voice)
    assert made.mode == "copy"
    assert_in_tune(made)
    spectrum = np.abs(np.fft.rfft(sound(made.path)[4_000:44_000]))
    hertz = np.fft.rfftfreq(40_000, 1 / 48_000)
    spoken, under = (spectrum[np.abs(hertz - tone) < 20].max() for tone in (300, 2000))
    assert spoken > 2 * under > 0
    assert under > spectrum.max() / 200


def test_narration_over_silent_segments_is_heard_alone(make_clip: MakeClip, make_video: Make) -> None:
    voice = make_clip("voice.wav", picture=None, sound=VOICE, options=("-c:a", "pcm_s16le"))
    assert_in_tune(make_video(make_clip(sound=None, duration_s=2), narration=voice))


def test_narration_a_little_too_long_is_heard_to_its_end(make_clip: MakeClip, make_video: Make) -> None:
    beep_at_the_end = "aevalsrc='if(gt(t,2.0),0.5*sin(2*PI*900*t),0.1*sin(2*PI*300*t))':s=48000"
    voice = make_clip("voice.wav", picture=None, sound=beep_at_the_end, duration_s=2.2, options=("-c:a", "pcm_s16le"))
    made = make_video(make_clip(sound=None, duration_s=2), narration=voice)
    assert made.duration_s == pytest.approx(2.0, abs=0.05)
    spectrum = np.abs(np.fft.rfft(sound(made.path)[-7_000:]))
    assert np.fft.rfftfreq(7_000, 1 / 48_000)[spectrum.argmax()] == pytest.approx(900, abs=30)


@pytest.mark.parametrize(
    ("narration", "words"),
    [
        ({"picture": None, "duration_s": 3.0}, r"lasts 3\.\d+ s and the video 1\.00 s"),
        ({"picture": None, "sound": "anullsrc=r=48000"}, "nothing is heard in it"),
        ({"sound": None}, "there is no sound in it"),
    ],
)
def test_narration_that_cannot_be_used_is_refused(
    make_clip: MakeClip, make_video: Make, narration: dict[str, Any], words: str
) -> None:
    with pytest.raises(MediaError, match=words):
        make_video(make_clip(), narration=make_clip("voice.mp4", **narration))


@pytest.mark.parametrize(("mode", "plan"), [("copy", {}), ("encode", {"fps": 12})])
def test_metadata_is_written_and_the_sources_own_is_not(
    make_clip: MakeClip, make_video: Make, mode: str, plan: dict[str, Any]
) -> None:
    filmed_at = ("-metadata", "location=+48.85+002.35/", "-metadata", "title=private")
    made = make_video(make_clip(options=filmed_at), metadata={"comment": "simulated = yes; it's a test"}, **plan)
    assert made.mode == mode
    with av.open(str(made.path)) as container:
        tags = dict(container.metadata)
    assert tags["comment"] == "simulated = yes; it's a test"
    assert "private" not in str(tags)
    assert b"+48.85" not in made.path.read_bytes()


def test_paths_with_quotes_spaces_and_percent_signs_work(make_clip: MakeClip, make_video: Make) -> None:
    odd = 'it\'s a "test" 100% : ünï,code;[1].mp4'
    clips = [make_clip(name, duration_s=0.5) for name in (odd, "b.mp4")]
    assert make_video(*clips).mode == "copy"
    assert make_video(*clips, fps=12).mode == "encode"


def test_progress_rises_to_one(make_clip: MakeClip, tmp_path: Path, ffmpeg: Path) -> None:
    shares: list[float] = []
    compose([make_clip()], tmp_path / "a.mp4", plan=SMALL, ffmpeg=ffmpeg, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def assert_refused(make: Make, words: str, *segments: Path, **changes: Any) -> None:
    """Compose over an existing video, expect the refusal, and find the folder as it was."""
    existing = segments[0].parent / "out" / "final_video.mp4"
    existing.parent.mkdir()
    existing.write_text("yesterday's")
    with pytest.raises(MediaError, match=words):
        make(*segments, **changes)
    assert existing.read_text() == "yesterday's"
    assert list(existing.parent.iterdir()) == [existing]


def test_a_cut_off_segment_is_refused(make_clip: MakeClip, make_video: Make) -> None:
    cut = make_clip("cut.mp4", options=("-movflags", "+faststart"))
    cut.write_bytes(cut.read_bytes()[:20_000])
    assert_refused(make_video, "cut.mp4'; it was cut off", cut)


def test_a_segment_that_holds_less_than_it_announces_is_refused(make_clip: MakeClip, make_video: Make) -> None:
    cut = make_clip("cut.mkv", duration_s=3)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    assert_refused(make_video, r"4\d frames .* where 72 frames .* holds less picture than it announces", cut)


def test_a_segment_without_video_is_refused(make_clip: MakeClip, make_video: Make) -> None:
    assert_refused(make_video, "only sound, no moving picture", make_clip("sound.m4a", picture=None))


def test_a_segment_shorter_than_the_plan_is_refused(make_clip: MakeClip, make_video: Make) -> None:
    words = r"segment 2 '.*short.mp4'; it lasts 1.00 s and the plan needs 2.00 s"
    assert_refused(make_video, words, make_clip(duration_s=2), make_clip("short.mp4"), segment_duration_s=2)


def test_an_empty_list_is_refused(make_video: Make) -> None:
    with pytest.raises(MediaError, match="the list of segments is empty"):
        make_video()


def test_a_segment_a_few_frames_short_is_held_on_its_last_frame(make_clip: MakeClip, make_video: Make) -> None:
    made = make_video(make_clip(duration_s=1.8), segment_duration_s=2)
    assert made.duration_s == pytest.approx(2.0, abs=0.02)
    assert made.fps == Fraction(24)
