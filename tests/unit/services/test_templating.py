"""Templates: packaged, or people's own; every slip is a sentence with its line."""

from pathlib import Path

import pytest

from dayreel.errors import ConfigurationError
from dayreel.services.templating import render


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ tpoic }}", "'tpoic' is undefined"),
        ("one\n{% if topic %}\n", r"\(line \d\)"),
        ("{% include 'nowhere' %}", "nowhere"),
    ],
)
def test_a_slip_in_a_template_names_it(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as told:
        render(own(tmp_path, text), "crafts", "idea", topic="clay")
    assert "idea.md.j2" in told.value.message
