"""A preview shows a channel's edit from what there is, and leaves no trace outside its folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select

from dayreel.errors import ConfigurationError, MediaError
from dayreel.services.making import preview_video as preview_module
from dayreel.services.making.preview_video import preview_video
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import content, effects
from tests.fakes.project import channel_of

MakeProject = Callable[..., Project]
SMALL = {"segments": {"count": 2, "duration_s": 1, "resolution": "480p"}, "narration": {"voice": "v"}}


@pytest.mark.slow
def test_an_edit_is_seen_before_anything_is_bought(make_project: MakeProject) -> None:
    edit = {"transition": {"kind": "dip_to_black", "duration_s": 0.4}, "grade": {"look": "mono"}}
    project = make_project(channels={"crafts": {**SMALL, "edit": edit, "captions": "pop"}})
    made = preview_video(project, channel_of(project))
    assert (made.material, made.music) == (None, None)
    assert made.duration_s == pytest.approx(1.6, abs=0.02)
    assert made.loudness_lufs == pytest.approx(-14, abs=0.5)
    with Image.open(made.contact_sheet) as sheet:
        red, _, blue = sheet.convert("RGB").getpixel((sheet.width // 4, sheet.height // 4))
    assert abs(red - blue) < 12
    captions = made.film.with_name("captions.ass").read_text(encoding="utf-8")
    assert captions.count("Dialogue") == len(f"This is how the captions of {channel_of(project).title} look.".split())
    with project.catalog.read() as connection:
        for table in (content, effects):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0


def test_a_missing_file_is_named_before_composing(make_project: MakeProject) -> None:
    music = {"file": "gone.mp3", "licence": "mine"}
    project = make_project(channels={"crafts": {**SMALL, "edit": {"music": music}}, "plain": SMALL})
    with pytest.raises(ConfigurationError, match=r"gone.mp3' as its edit.music.file, and that is not there"):
        preview_video(project, channel_of(project))
    assert not (project.settings.var_dir / "previews").exists()


def test_a_stand_in_that_was_cut_off_is_not_used(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(spec: Any, **_: Any) -> None:
        Path(spec.compile()[-1]).write_bytes(b"half of it")
        raise MediaError("ended by signal 9")

    monkeypatch.setattr(preview_module, "run_ffmpeg", cut_off)
    project = make_project(channels={"crafts": SMALL})
    with pytest.raises(MediaError, match="signal 9"):
        preview_video(project, channel_of(project))
    assert list((project.settings.var_dir / "previews" / "crafts").iterdir()) == []
