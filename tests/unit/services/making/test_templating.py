"""Templates: packaged, or people's own; every slip is a sentence with its line."""

from pathlib import Path

import pytest

from dayreel.errors import ConfigurationError
from dayreel.services.making.templating import copy_packaged, render


def own(folder: Path, text: str) -> Path:
    path = folder / "templates" / "crafts" / "idea.md.j2"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return folder


def test_peoples_own_template_wins_for_its_content_type_only(tmp_path: Path) -> None:
    folder = own(tmp_path, "About {{ topic }} 🏺\n")
    assert render(folder, "crafts", "idea", topic="clay & rain") == "About clay & rain 🏺"
    with pytest.raises(ConfigurationError, match=r"'channel' is undefined|'total_s' is undefined"):
        render(folder, "glass", "idea", topic="clay")  # the packaged one, which wants more


def test_packaged_templates_never_overwrite_edited_ones(tmp_path: Path) -> None:
    mine = own(tmp_path, "About {{ topic }}") / "templates" / "crafts" / "idea.md.j2"
    written = {path.name: is_new for path, is_new in copy_packaged(tmp_path, "crafts").items()}
    assert written == {"idea.md.j2": False, "prompts.md.j2": True, "safety.md.j2": True}
    assert mine.read_text(encoding="utf-8") == "About {{ topic }}"
    (mine.parent / "safety.md.j2").write_text("Is {{ text }} fine?", encoding="utf-8")
    assert render(tmp_path, "crafts", "safety", text="clay") == "Is clay fine?"
    assert not any(copy_packaged(tmp_path, "crafts").values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ tpoic }}", "'tpoic' is undefined"),
        ("one\n{% if topic %}\n", r"\(line \d\)"),
        ("{% include 'nowhere' %}", "nowhere"),
    ],
)
def test_a_slip_in_a_template_names_it(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as raised:
        render(own(tmp_path, text), "crafts", "idea", topic="clay")
    assert "idea.md.j2" in raised.value.message
