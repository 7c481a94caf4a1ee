"""Captions follow the narration as it is heard in the video: after the intro, and as fast as it is spoken there."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dayreel.errors import ConfigurationError, UsageError
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.fonts import Face, Fonts, cut_down
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import FileRecord, NarrationTrack, SpokenWord
from dayreel.schemas.manifest import Manifest
from dayreel.services.making.caption_video import (
    captions_version,
    font_problem,
    require_letters,
    safe_zone,
    sample_captions,
    write_captions,
)
from dayreel.services.making.make_idea import make_idea
from dayreel.services.project import Project
from dayreel.settings import Settings
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.project import CRAFTS, channel_of, today

pytestmark = pytest.mark.slow

SETTINGS = Settings()
WISH = {"narration": {"voice": "en-US-EmmaMultilingualNeural"}, "captions": "words"}


def make_file(path: Path, duration_s: float, *, picture: bool) -> Path:
    source = f"color=c=black:s=180x320:r=24:d={duration_s}" if picture else f"sine=f=300:d={duration_s}"
    command = [str(find_ffmpeg()), "-v", "error", "-y", "-f", "lavfi", "-i", source, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture
def spoken(make_project: Callable[..., Project]) -> tuple[Channel, Callable[..., Manifest], Path]:
    project = make_project(channels={"crafts": WISH})
    channel = channel_of(project)
    says = FakeLanguageModel([answer(idea(narration="A jar rises"))])
    content_id = make_idea(project, channel, today(project), model=says).content_id
    folder = project.contents.folder(content_id)

    def with_narration(duration_s: float, *words: tuple[str, float, float]) -> Manifest:
        path = make_file(folder / "narration.wav", duration_s, picture=False)
        file = FileRecord(path=path.name, sha256="0" * 64, size_bytes=path.stat().st_size)
        timed = tuple(SpokenWord(text=text, start_s=start, end_s=end) for text, start, end in words)
        track = NarrationTrack(file=file, duration_s=duration_s, provider="edge", voice="v", words=timed)
        return project.contents.update(content_id, narration=track)

    return channel, with_narration, folder


def captioned(channel: Channel, manifest: Manifest, folder: Path, intro: Path | None = None) -> Path | None:
    return write_captions(SETTINGS, channel, manifest, folder=folder, intro=intro)


def starts(path: Path | None) -> list[str]:
    assert path is not None
    return re.findall(r"^Dialogue: 0,([\d:.]+),", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_words_come_after_the_intro(spoken: Any, tmp_path: Path) -> None:
    channel, narrated, folder = spoken
    manifest = narrated(3.0, ("A", 0.5, 0.8), ("jar.", 0.9, 1.2), ("Rises", 2.0, 2.4))
    intro = make_file(tmp_path / "intro.mp4", 2.0, picture=True)
    assert starts(captioned(channel, manifest, folder)) == [
        "0:00:00.50",
        "0:00:02.00",
    ]
    assert starts(captioned(channel, manifest, folder, intro)) == [
        "0:00:02.50",
        "0:00:04.00",
    ]


def test_words_of_a_narration_that_is_spoken_faster_come_sooner(spoken: Any) -> None:
    channel, narrated, folder = spoken
    manifest = narrated(16.5, ("Late", 11.0, 11.5))
    assert starts(captioned(channel, manifest, folder)) == ["0:00:10.00"]


def test_a_voice_without_word_timings_is_an_error_not_silence(spoken: Any) -> None:
    channel, narrated, folder = spoken
    with pytest.raises(UsageError, match="no word timings"):
        write_captions(SETTINGS, channel, narrated(3.0), folder=folder, intro=None)


def test_off_means_off_and_words_need_a_voice() -> None:
    assert Channel.model_validate({**CRAFTS, "name": "crafts", "captions": False}).captions == "off"
    with pytest.raises(ValidationError, match="captions from words need a `narration`"):
        Channel.model_validate({**CRAFTS, "name": "crafts", "captions": "words"})


def test_what_is_heard_stands_in_subtitle_files(spoken: Any) -> None:
    channel, narrated, folder = spoken
    silent = channel.model_copy(update={"captions": "off"})
    manifest = narrated(3.0, ("A", 0.5, 0.8), ("jar", 0.9, 1.2), ("rises", 2.0, 2.4))
    assert write_captions(SETTINGS, silent, manifest, folder=folder, intro=None) is None
    srt, vtt = ((folder / name).read_text(encoding="utf-8") for name in ("captions.srt", "captions.vtt"))
    cues = "00:00:00,500 --> 00:00:01,450\nA jar\n", "00:00:02,000 --> 00:00:02,650\nrises\n"
    assert srt == f"1\n{cues[0]}\n2\n{cues[1]}"
    assert vtt == "WEBVTT\n\n" + "\n".join(cues).replace(",", ".")
    write_captions(SETTINGS, silent, narrated(3.0), folder=folder, intro=None)
    assert not [path for path in folder.glob("captions.*") if path.suffix in (".srt", ".vtt")]


def styled(style: str, **fields: Any) -> Channel:
    return Channel.model_validate({**CRAFTS, **WISH, "name": "crafts", "captions": style, **fields})


def test_letters_without_a_font_are_refused_before_a_purchase(monkeypatch: pytest.MonkeyPatch) -> None:
    require_letters(SETTINGS, styled("pop"), "Čau 陶 हिन्दी שלום 👍🏽")
    with pytest.raises(ConfigurationError, match="cannot show 'ད བོ' of the narration"):
        require_letters(SETTINGS, styled("words"), "བོད")
    require_letters(SETTINGS, styled("off"), "བོད")
    assert font_problem(SETTINGS, styled("box", language="zh")) is None
    monkeypatch.setattr("dayreel.media.fonts._CJK", "not_installed")
    assert "captions in 'zh': no font" in str(font_problem(SETTINGS, styled("box", language="zh")))
    assert font_problem(SETTINGS, styled("box", language="hi")) is None


def test_a_folder_of_fonts_fills_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    font = cut_down(Fonts("zh").runs("中")[0].face or Face(Path()), "中文", "mine")
    monkeypatch.setattr("dayreel.media.fonts._CJK", "not_installed")
    (tmp_path / "mine.otf").write_bytes(font)
    assert font_problem(Settings(fonts=tmp_path), styled("box", language="zh")) is None


def test_the_strictest_platform_says_where_captions_may_stand() -> None:
    both = safe_zone(styled("pop", platforms={"youtube": {}, "instagram": {}}))
    alone = safe_zone(styled("pop", platforms={"tiktok": {"privacy": "SELF_ONLY"}}))
    assert (both.left, both.right, both.top, both.bottom) == (0.06, 0.822, 0.15, 0.65)
    assert alone.bottom > both.bottom


def test_another_style_is_another_video_and_words_stay() -> None:
    versions = [captions_version(styled(style)) for style in ("off", "words", "pop", "box")]
    assert versions == [{}, {"captions": "1"}, {"captions": "pop-1"}, {"captions": "box-1"}]


def test_sample_captions_begin_after_the_intro(tmp_path: Path, tiny_clip: Path) -> None:
    begins = []
    for intro in (None, tiny_clip):
        dest = sample_captions(SETTINGS, styled("words"), tmp_path / "a.ass", "Wet clay rises", intro=intro)
        assert dest is not None
        begins.append(next(line for line in dest.read_text().splitlines() if "Dialogue" in line).split(",")[1])
    assert begins == ["0:00:00.00", "0:00:00.20"]
