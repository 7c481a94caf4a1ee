"""The edit of a video, measured: music that gives way to the voice, segments that lead into one another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dayreel.errors import MediaError
from dayreel.media.compose import Composed, compose
from dayreel.media.edit_plan import TRANSITIONS, Music, TransitionPlan
from dayreel.media.grade import Grade
from dayreel.media.probe import decode_fully
from tests.unit.media.test_compose import SMALL, assert_in_tune, pixels, sound
from tests.unit.media.test_grade import SWAP

MakeClip = Callable[..., Path]
Make = Callable[..., Composed]

VOICE = "aevalsrc='0.3*sin(2*PI*300*t)*(0.6+0.4*sin(2*PI*4*t))*between(t,0.8,1.8)':s=48000"
TONE = "aevalsrc='0.3*sin(2*PI*2500*t)':s=48000"


@pytest.fixture
def make_video(tmp_path: Path, ffmpeg: Path) -> Make:
    """Compose into out.mp4 with a small plan, changed by keyword."""

    def make(*segments: Path, **changes: Any) -> Composed:
        return compose(segments, tmp_path / "out.mp4", plan=replace(SMALL, **changes), ffmpeg=ffmpeg)

    return make


@pytest.fixture
def music(make_clip: MakeClip) -> Path:
    """A second and a half of a tone at 2500 Hz."""
    return make_clip("music.mp3", picture=None, sound=TONE, duration_s=1.5, options=("-c:a", "libmp3lame"))


def level_db(video: Composed, hertz: float, from_s: float, to_s: float) -> float:
    """Return how loud a tone is in a stretch of the sound, in dBFS of its peak."""
    heard = sound(video.path)[int(from_s * 48_000) : int(to_s * 48_000)]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) * 4 / len(heard)
    near = np.abs(np.fft.rfftfreq(len(heard), 1 / 48_000) - hertz) < 15
    return float(20 * np.log10(spectrum[near].max() + 1e-9))


def test_music_gives_way_to_the_voice_as_far_as_asked(make_clip: MakeClip, make_video: Make, music: Path) -> None:
    voice = make_clip("voice.wav", picture=None, sound=VOICE, duration_s=2.8, options=("-c:a", "pcm_s16le"))
    made = make_video(
        make_clip(sound=None, duration_s=3), narration=voice, music=Music(music, duck_db=12, fade_out_s=0)
    )
    assert made.mode == "copy"
    assert_in_tune(made)
    alone, under, after = (level_db(made, 2500, *span) for span in ((0.55, 0.8), (1.1, 1.75), (2.4, 2.8)))
    assert alone - under == pytest.approx(12, abs=2)
    assert after == pytest.approx(alone, abs=1.5)  # it came back, and began again where the file ended


def test_music_lies_below_the_segments_own_sound(make_clip: MakeClip, make_video: Make, music: Path) -> None:
    own = make_clip(sound="aevalsrc=0.3*sin(2*PI*1000*t):s=48000", duration_s=2)
    made = make_video(own, music=Music(music, below_db=12, fade_in_s=0, fade_out_s=0))
    assert_in_tune(made)
    # Two pure tones; R128 hears the higher one about 3 dB louder, and it is set that much lower.
    assert level_db(made, 1000, 0.5, 1.4) - level_db(made, 2500, 0.5, 1.4) == pytest.approx(15, abs=2)


def test_music_fades_and_leaves_intro_and_outro_alone(make_clip: MakeClip, make_video: Make, music: Path) -> None:
    around, still = make_clip("around.mp4", sound=None), make_clip(sound=None, duration_s=2)
    made = make_video(still, intro=around, outro=around, music=Music(music, fade_in_s=0.5, fade_out_s=0.5))
    loud = level_db(made, 2500, 1.7, 2.3)
    assert level_db(made, 2500, 0.1, 0.9) < loud - 40
    assert level_db(made, 2500, 3.1, 3.9) < loud - 40
    assert level_db(made, 2500, 1.05, 1.25) < loud - 6
    assert level_db(made, 2500, 2.75, 2.95) < loud - 6


@pytest.mark.parametrize(
    ("odd", "words"),
    [({"sound": None}, "music '.*'; there is no sound in it"), ({"sound": "anullsrc=r=48000"}, "nothing is heard")],
)
def test_music_that_is_not_heard_is_refused(
    make_clip: MakeClip, make_video: Make, odd: dict[str, Any], words: str
) -> None:
    with pytest.raises(MediaError, match=words):
        make_video(make_clip(), music=Music(make_clip("music.mp4", **odd)))


def test_segments_lead_into_one_another_and_are_heard_together(make_clip: MakeClip, make_video: Make) -> None:
    hertz = {"red": 500, "lime": 1500}
    red, green = (
        make_clip(f"{name}.mp4", picture=f"color=c={name}", sound=f"aevalsrc=0.2*sin(2*PI*{tone}*t):s=48000")
        for name, tone in hertz.items()
    )
    made = make_video(red, green, transition=TransitionPlan("crossfade", 0.5))
    assert made.why_encoded == "segments lead into one another"
    assert made.duration_s == pytest.approx(1.5, abs=0.02)
    assert decode_fully(made.path).frames == 36
    assert_in_tune(made)
    before, between, after = (pixels(made.path, at_s).mean(axis=(0, 1)) for at_s in (0.25, 0.75, 1.25))
    assert (before[0] > 200, before[1] < 30) == (True, True)
    assert 60 < between[0] < 200
    assert 60 < between[1] < 200
    assert (after[1] > 200, after[0] < 30) == (True, True)
    assert level_db(made, 500, 0.1, 0.4) > level_db(made, 500, 1.1, 1.4) + 40
    assert level_db(made, 1500, 1.1, 1.4) > level_db(made, 1500, 0.1, 0.4) + 40
    assert level_db(made, 500, 0.6, 0.9) == pytest.approx(level_db(made, 1500, 0.6, 0.9), abs=3)


def test_narration_and_captions_keep_their_times(make_clip: MakeClip, make_video: Make, tmp_path: Path) -> None:
    beep = "aevalsrc='0.4*sin(2*PI*900*t)*between(t,1,1.1)':s=48000"
    voice = make_clip("voice.wav", picture=None, sound=beep, duration_s=1.4, options=("-c:a", "pcm_s16le"))
    captions = tmp_path / "captions.srt"
    captions.write_text("1\n00:00:01,500 --> 00:00:01,750\nHELLO\n")
    black = make_clip(picture="color=c=black", sound=None)
    made = make_video(
        black,
        black,
        intro=make_clip("intro.mp4", picture="color=c=black", sound=None, duration_s=0.5),
        narration=voice,
        captions=captions,
        transition=TransitionPlan("crossfade", 0.5),
    )
    assert made.duration_s == pytest.approx(2.0, abs=0.02)
    heard = np.abs(sound(made.path))
    assert np.argmax(heard > heard.max() / 4) / 48_000 == pytest.approx(1.5, abs=0.01)
    assert [pixels(made.path, at_s).max() > 150 for at_s in (1.4, 1.6, 1.9)] == [False, True, False]


def test_there_is_a_cut_at_intro_and_outro(make_clip: MakeClip, make_video: Make) -> None:
    red, blue = (make_clip(f"{name}.mp4", picture=f"color=c={name}") for name in ("red", "blue"))
    made = make_video(red, red, intro=blue, outro=blue, transition=TransitionPlan("dip_to_black", 0.25))
    assert made.duration_s == pytest.approx(3.75, abs=0.02)
    strongest = [int(pixels(made.path, at_s).mean(axis=(0, 1)).argmax()) for at_s in (0.9, 1.05, 2.7, 2.85)]
    assert strongest == [2, 0, 0, 2]
    assert pixels(made.path, 1.875).mean() < 30


@pytest.mark.parametrize("kind", TRANSITIONS)
def test_every_transition_ends_on_the_frame(kind: str, make_clip: MakeClip, make_video: Make) -> None:
    clip = make_clip(duration_s=0.5)
    made = make_video(clip, clip, transition=TransitionPlan(kind, 0.2))
    assert decode_fully(made.path).frames == 24 - round(0.2 * 24)


def test_a_transition_too_long_for_its_segments_is_refused(make_clip: MakeClip, make_video: Make) -> None:
    with pytest.raises(MediaError, match=r"it lasts 1\.00 s, too little for a transition of 0\.60 s at either end"):
        make_video(make_clip(), make_clip(), transition=TransitionPlan("crossfade", 0.6))


def test_only_the_segments_are_graded(make_clip: MakeClip, make_video: Make, tmp_path: Path) -> None:
    red = make_clip(picture="color=c=red", duration_s=0.5)
    lut = tmp_path / "swap.cube"
    lut.write_text(SWAP)
    made = make_video(red, intro=red, grade=Grade(lut))
    assert made.why_encoded == "the segments are graded"
    before, after = (pixels(made.path, at_s).mean(axis=(0, 1)) for at_s in (0.25, 0.75))
    assert before == pytest.approx((255, 0, 0), abs=6)
    assert after == pytest.approx((0, 0, 255), abs=6)
