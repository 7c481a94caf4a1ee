"""`.env` is changed line by line, and whatever is written is read back as it was given."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from dayreel.errors import UsageError
from dayreel.stores.env_file import write_env

VALUES = ["plain", "1//0g-x_y", "with space", "a#b", "it's", 'say "hi"', "back\\slash", "$HOME", "=", "ü", "a:b,c"]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_read_back_as_it_was_given(tmp_path: Path, value: str) -> None:
    path = tmp_path / ".env"
    write_env(path, {"KEY": "before"}, template=tmp_path / "none")
    write_env(path, {"KEY": value, "OTHER": "x"}, template=tmp_path / "none")
    assert dotenv_values(path, interpolate=False) == {"KEY": value, "OTHER": "x"}


def test_it_begins_as_the_template(tmp_path: Path) -> None:
    (tmp_path / "example").write_text("# where it comes from\n#KEY=\n\n# next\n#NEXT=\n")
    write_env(tmp_path / ".env", {"KEY": "v"}, template=tmp_path / "example")
    assert (tmp_path / ".env").read_text() == "# where it comes from\nKEY=v\n\n# next\n#NEXT=\n"


def test_a_name_that_only_begins_alike_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("FAL_KEY_ID=other\nexport FAL_KEY = old\n")
    write_env(path, {"FAL_KEY": "new"}, template=tmp_path / "none")
    assert path.read_text() == "FAL_KEY_ID=other\nFAL_KEY=new\n"


def test_a_line_break_is_refused_without_showing_the_value(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        write_env(tmp_path / ".env", {"KEY": "marked\nINJECTED=1"}, template=tmp_path / "none")
    assert "KEY" in str(refusal.value)
    assert "marked" not in str(refusal.value)
    assert not (tmp_path / ".env").exists()


def test_the_file_is_its_owners_only_from_the_first_byte_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    replace = Path.replace

    def looked_at(self: Path, target: Path) -> Path:
        seen.append(self.stat().st_mode & 0o777)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    write_env(tmp_path / ".env", {"KEY": "v"}, template=tmp_path / "none")
    assert seen == [0o600]
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
