"""Own footage: what counts, and which file a segment is cut from."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayreel.errors import ConfigurationError
from dayreel.providers.video.clips import OwnFootage, footage_in, pick_footage


def test_only_usable_files_count_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b.MOV", "a.mp4", ".hidden.mp4", "notes.txt", "empty.mp4"):
        (tmp_path / name).write_bytes(b"" if name == "empty.mp4" else b"x")
    (tmp_path / "folder.mp4").mkdir()
    assert [path.name for path in footage_in(tmp_path)] == ["a.mp4", "b.MOV"]
    assert OwnFootage(root=tmp_path.parent).files(tmp_path.name) == footage_in(tmp_path)


def test_a_missing_or_useless_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        footage_in(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match=r"end in .*\.mp4"):
        footage_in(tmp_path)


@pytest.mark.slow
@given(
    count=st.integers(min_value=2, max_value=9),
    content_id=st.text(min_size=1, max_size=30),
    start=st.integers(min_value=1, max_value=50),
)
def test_no_file_repeats_in_a_row_or_before_all_were_used(count: int, content_id: str, start: int) -> None:
    files = [Path(f"clip_{number}.mp4") for number in range(count)]
    picked = [pick_footage(files, content_id=content_id, sequence=start + step) for step in range(2 * count)]
    assert all(clip != other for clip, other in itertools.pairwise(picked))
    assert len(set(picked[:count])) == count


def test_a_pick_depends_only_on_names_and_varies_by_content(tmp_path: Path) -> None:
    here = [tmp_path / f"{name}.mp4" for name in "abcdefgh"]
    elsewhere = [Path("/elsewhere") / path.name for path in reversed(here)]

    def picks(files: list[Path], content_id: str) -> list[str]:
        return [pick_footage(files, content_id=content_id, sequence=number).name for number in range(1, 9)]

    assert picks(here, "field_notes-2026-11-20") == picks(elsewhere, "field_notes-2026-11-20")
    assert picks(here, "field_notes-2026-11-20") != picks(here, "field_notes-2026-11-21")


def test_a_single_file_is_all_there_is() -> None:
    assert pick_footage([Path("a.mp4")], content_id="x", sequence=7) == Path("a.mp4")
