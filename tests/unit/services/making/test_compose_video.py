"""Composing through the services, with real ffmpeg: the revision counts bytes, and a full disk leaves no half file."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import MediaError, UsageError
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.schemas.content import Idea, NarrationTrack, Segment, SpokenWord
from dayreel.services.making.compose_video import compose_video
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.waive import waive_check
from dayreel.services.upkeep.retry_content import reopen_refused
from tests.fakes.project import DAY, channel_of, content_row, write_channel

ID = "crafts-2026-11-20"
SMALL = {"segments": {"count": 2, "duration_s": 1, "resolution": "480p"}}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("segment") / "segment.mp4"
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=480x854:r=24:d=1", "-f", "lavfi", "-i", "sine=f=330:r=48000:d=1"]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"]
    command = [str(find_ffmpeg()), "-v", "error", "-y", "-nostdin", *inputs, *encode, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture
def project(make_project: Callable[..., Project], clip: Path) -> Project:
    opened = make_project(channels={"crafts": SMALL})
    row = open_content(opened, channel_of(opened), DAY)
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
    run_stage(opened, row, Work("ideas", "f", "a"), lambda: Product({"idea": idea}, {"caption": idea.caption}))

    def segments() -> Product:
        made = []
        for number in (1, 2):
            path = opened.contents.folder(ID) / "raw" / f"video_{number}.mp4"
            shutil.copyfile(clip, path)
            file = opened.contents.record(ID, path)
            made.append(
                Segment(sequence=number, file=file, duration_s=1, width=480, height=854, has_audio=True, provider="fal")
            )
        return Product({"segments": tuple(made)})

    run_stage(opened, row, Work("raw_segments", "f", "fal"), segments)
    return opened


def test_a_composed_video_waits_for_review_and_is_composed_once(project: Project) -> None:
    final = compose_video(project, channel_of(project), DAY).manifest.final_video
    assert final is not None
    assert (final.revision, final.width, final.height) == (1, 480, 854)
    row = content_row(project, ID)
    assert (row.state, row.revision, row.video_sha256) == ("review_pending", 1, final.file.sha256)
    folder = project.contents.folder(ID)
    assert all((folder / name).is_file() for name in ("final_video.mp4", final.poster, final.contact_sheet))
    assert compose_video(project, channel_of(project), DAY).reused

    waive_check(project, ID, "fits_platforms", by="ana", via="cli", reason="two seconds are short for Instagram")
    decide(project, ID, "approved", by="ana", via="cli")
    (folder / "final_video.mp4").write_bytes(b"damaged")
    again = compose_video(project, channel_of(project), DAY)
    assert (again.reused, content_row(project, ID).state) == (False, "review_pending")
    assert not [path for path in folder.iterdir() if path.suffix in (".tmp", ".part")]


def test_an_edit_is_composed_again_and_its_music_recorded(project: Project) -> None:
    plain = compose_video(project, channel_of(project), DAY).manifest.final_video
    assert plain is not None
    assert plain.music is None
    tracks = project.settings.channels_dir / "tracks"
    tracks.mkdir()
    command = ["-f", "lavfi", "-i", "sine=f=900:d=1", str(tracks / "slow.wav")]
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *command], check=True, timeout=60)
    edit = {"music": {"folder": "tracks", "licence": "CC BY 4.0, Ana Ruiz"}, "transition": {"duration_s": 0.4}}
    write_channel(project.settings.root, "crafts", **SMALL, edit=edit)
    edited = compose_video(project, channel_of(project), DAY).manifest.final_video
    assert edited is not None
    assert edited.music is not None
    assert (edited.music.file, edited.music.licence) == ("slow.wav", "CC BY 4.0, Ana Ruiz")
    assert (edited.revision, edited.mode) == (2, "encode")
    assert edited.duration_s == pytest.approx(1.6, abs=0.02)
    assert [check.name for check in edited.checks if not check.passed] == ["fits_platforms"]
    assert compose_video(project, channel_of(project), DAY).reused
    subprocess.run(
        [str(find_ffmpeg()), "-v", "error", "-y", *command[:2], "-i", "sine=f=700:d=1", command[-1]], check=True
    )
    assert not compose_video(project, channel_of(project), DAY).reused


def test_hook_and_end_card_are_filled_in_for_the_day(project: Project) -> None:
    edit = {"hook": {"text": "{topic}: {title}"}, "end_card": {"text": "More on {channel}", "duration_s": 1.5}}
    write_channel(project.settings.root, "crafts", **SMALL, edit=edit)
    final = compose_video(project, channel_of(project), DAY).manifest.final_video
    assert final is not None
    assert final.duration_s == pytest.approx(3.5, abs=0.02)
    assert [check.name for check in final.checks if not check.passed] == []
    written = (project.contents.folder(ID) / ".pipeline" / "titles.ass").read_text(encoding="utf-8")
    titles = [line.rpartition("}")[2] for line in written.splitlines() if line.startswith("Dialogue")]
    assert (" ".join(titles), "0:00:02.00,0:00:03.50" in written) == ("clay: Clay More on Crafts", True)


def test_an_unreadable_segment_is_reported_and_makes_no_video(project: Project) -> None:
    (project.contents.folder(ID) / "raw" / "video_2.mp4").write_bytes(b"<html>not found</html>")
    with pytest.raises(MediaError, match=r"video_2\.mp4"):
        compose_video(project, channel_of(project), DAY)
    assert not (project.contents.folder(ID) / "final_video.mp4").exists()
    row = content_row(project, ID)
    assert (row.state, row.last_good_state) == ("failed", "composing")


def test_letters_that_the_font_lacks_leave_a_way_on(project: Project) -> None:
    voice = project.contents.folder(ID) / "narration.wav"
    sound = ["-f", "lavfi", "-i", "sine=f=330:r=48000:d=1"]
    subprocess.run([str(find_ffmpeg()), "-v", "error", "-y", *sound, str(voice)], check=True, timeout=60)
    words = (SpokenWord(text="\u0f56\u0f7c\u0f51", start_s=0, end_s=0.5),)
    file = project.contents.record(ID, voice)
    track = NarrationTrack(file=file, duration_s=1, provider="edge", voice="v", words=words)
    row = open_content(project, channel_of(project), DAY)
    run_stage(project, row, Work("narration", "f", "edge"), lambda: Product({"narration": track}))
    spoken = {**SMALL, "narration": {"voice": "v"}}
    write_channel(project.settings.root, "crafts", **spoken, captions="words")
    with pytest.raises(MediaError, match="`captions: off`"):
        compose_video(project, channel_of(project), DAY)
    assert content_row(project, ID).state == "failed"
    write_channel(project.settings.root, "crafts", **spoken, captions="off")
    reopen_refused(project, ID)
    compose_video(project, channel_of(project), DAY)
    assert content_row(project, ID).state == "review_pending"


def test_without_segments_there_is_nothing_to_compose(make_project: Callable[..., Project]) -> None:
    project = make_project()
    with pytest.raises(UsageError, match="has no raw_segments yet"):
        compose_video(project, channel_of(project), DAY)
