"""Captions follow the narration as it is heard in the video: after the intro, and as fast as it is spoken there."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dayreel.errors import UsageError
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import FileRecord, NarrationTrack, SpokenWord
from dayreel.schemas.manifest import Manifest
from dayreel.services.making.caption_video import write_captions
from dayreel.services.making.make_idea import make_idea
from dayreel.services.project import Project
from tests.fakes.language_model import FakeLanguageModel, answer, idea
from tests.fakes.project import CRAFTS, channel_of, today

pytestmark = pytest.mark.slow

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


def starts(path: Path | None) -> list[str]:
    assert path is not None
    return re.findall(r"^Dialogue: 0,([\d:.]+),", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_words_come_after_the_intro(spoken: Any, tmp_path: Path) -> None:
    channel, narrated, folder = spoken
    manifest = narrated(3.0, ("A", 0.5, 0.8), ("jar.", 0.9, 1.2), ("Rises", 2.0, 2.4))
    intro = make_file(tmp_path / "intro.mp4", 2.0, picture=True)
    assert starts(write_captions(channel, manifest, folder=folder, intro=None)) == ["0:00:00.50", "0:00:02.00"]
    assert starts(write_captions(channel, manifest, folder=folder, intro=intro)) == ["0:00:02.50", "0:00:04.00"]


def test_words_of_a_narration_that_is_spoken_faster_come_sooner(spoken: Any) -> None:
    channel, narrated, folder = spoken
    manifest = narrated(16.5, ("Late", 11.0, 11.5))
    assert starts(write_captions(channel, manifest, folder=folder, intro=None)) == ["0:00:10.00"]


def test_a_voice_without_word_timings_is_an_error_not_silence(spoken: Any) -> None:
    channel, narrated, folder = spoken
    with pytest.raises(UsageError, match="no word timings"):
        write_captions(channel, narrated(3.0), folder=folder, intro=None)


def test_off_means_off_and_words_need_a_voice() -> None:
    assert Channel.model_validate({**CRAFTS, "name": "crafts", "captions": False}).captions == "off"
    with pytest.raises(ValidationError, match="captions from words need a `narration`"):
        Channel.model_validate({**CRAFTS, "name": "crafts", "captions": "words"})
