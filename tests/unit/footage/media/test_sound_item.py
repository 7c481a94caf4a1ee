"""Items of sound alone: decoded whole, encoded only where nothing was lost before, and known from other sound."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError
from dayreel.footage.media.sound_item import SoundFormat, compare_sound, decode_sound, encode_sound, why_sound_stays
from dayreel.media.probe import probe

Run = Callable[..., None]
LEFT = "0.3*sin(2*PI*(300+200*floor(3*t))*t)*(0.3+0.7*abs(sin(5*t)))"
RIGHT = "0.2*sin(2*PI*220*t)*abs(sin(3*t))"
TUNE = f"aevalsrc={LEFT}|{RIGHT}:d=2:s=44100"
WRONG = {
    "muted": "volume=0",
    "late": "adelay=700:all=1,atrim=0:2",
    "quiet": "volume=0.5",
    "short": "atrim=0:1.4",
    "mono": "pan=mono|c0=c0",
    "swapped": "pan=stereo|c0=c1|c1=c0",
    "half_muted": "pan=stereo|c0=c0|c1=0*c1",
    "other": "areverse",
    "frozen": "atrim=0:1,aloop=2:44100,atrim=0:2",
}


@pytest.fixture
def tune(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "tune.wav"
    run("-f", "lavfi", "-i", TUNE, "-metadata", "title=Morning", path)
    return path


@pytest.mark.parametrize("wanted", ["flac", "opus"])
def test_lossless_sound_is_encoded_and_accepted(tune: Path, ffmpeg: Path, wanted: SoundFormat) -> None:
    made = encode_sound(tune, tune.with_name(f"made.{wanted}"), wanted, ffmpeg=ffmpeg)
    assert (made.audio[0].codec, made.audio[0].channels) == (wanted, 2)
    assert [check.message for check in compare_sound(tune, made.path) if not check.passed] == []
    assert made.size_bytes < tune.stat().st_size


@pytest.mark.parametrize("name", WRONG)
def test_other_sound_is_refused(tune: Path, run: Run, name: str) -> None:
    wrong = tune.with_name("wrong.opus")
    run("-i", tune, "-af", WRONG[name], "-c:a", "libopus", wrong)
    assert not all(check.passed for check in compare_sound(tune, wrong))


def test_deep_samples_come_out_of_flac_as_they_went_in(tune: Path, run: Run, ffmpeg: Path) -> None:
    deep = tune.with_name("deep.wav")
    run("-i", tune, "-c:a", "pcm_s24le", deep)
    made = encode_sound(deep, tune.with_name("deep.flac"), "flac", ffmpeg=ffmpeg)
    assert all(check.passed for check in compare_sound(deep, made.path))


def test_what_has_lost_something_already_stays(tune: Path, run: Run) -> None:
    lossy = tune.with_name("tune.mp3")
    run("-i", tune, "-c:a", "libmp3lame", lossy)
    assert why_sound_stays(probe(lossy), "opus").startswith("It stays as it is: mp3 has lost something already")
    assert why_sound_stays(probe(tune), "opus") == ""
    assert why_sound_stays(probe(tune), "keep") == "It stays as it is: the plan keeps sound."


def test_sound_that_is_cut_off_is_refused(tune: Path, run: Run) -> None:
    whole = tune.with_name("whole.flac")
    run("-i", tune, "-c:a", "flac", whole)
    assert decode_sound(whole).duration_s == pytest.approx(2.0, abs=0.01)
    cut = tune.with_name("cut.flac")
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    with pytest.raises(MediaError, match=r"cut off|answered"):
        decode_sound(cut)
