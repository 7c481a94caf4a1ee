"""The pages about the source documents: each row has its state and its evidence, and what it names is there.

`python -m tests.conventions.test_source_documents` counts the rows in the index again.

That tests which a page names exist is checked for all pages (`test_house_rules`), and commands likewise
(`test_commands_as_written`).
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
EXPLANATION = ROOT / "docs" / "explanation"
INDEX = (EXPLANATION / "source-documents.md").read_text(encoding="utf-8")
PAGES = re.findall(r"\(source-documents/([\w-]+)\.md\)", INDEX)
STATES = ("met", "not met", "open")
_EVIDENCE = re.compile(r"`(test_\w+|tests/\S+|dayreel [^`]+|make [^`]+|python [^`]+)`|\]\([^)]+\)")


class Row(NamedTuple):
    """One requirement; the last cell is its evidence, where its table has one."""

    asked: str
    state: str
    where: str
    shown: str


def rows(page: str) -> Iterator[Row]:
    for line in (EXPLANATION / "source-documents" / f"{page}.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if len(cells) >= 3 and cells[1] in STATES:
            yield Row(cells[0], cells[1], cells[2], cells[3] if len(cells) > 3 else "")
        else:
            assert not cells or cells[0] in ("asked", "---"), f"{page}: {line} is none of {', '.join(STATES)}"


@pytest.mark.parametrize("page", PAGES)
def test_a_row_has_its_evidence_or_its_reason(page: str) -> None:
    for row in rows(page):
        if row.state == "met":
            assert _EVIDENCE.search(row.shown), f"{row.asked}: name a test or a command that shows it"
        else:
            assert len(row.where) > 30, f"{row.asked}: say why"


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_a_row_names_is_there(page: str) -> None:
    text = (EXPLANATION / "source-documents" / f"{page}.md").read_text(encoding="utf-8")
    tops = {path.name for path in ROOT.iterdir() if path.is_dir()}
    named = {
        name for name in re.findall(r"`([\w.-]+/[\w./-]*)`", text) if name.split("/")[0] in tops - {"content", "var"}
    }
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_the_index_counts_what_the_pages_have() -> None:
    assert counted(INDEX) == INDEX, "python -m tests.conventions.test_source_documents writes it again"


def counted(index: str) -> str:
    """The index with the numbers of its table as they should be."""
    total: Counter[str] = Counter()
    for page in PAGES:
        count = Counter(row.state for row in rows(page))
        total += count
        index = re.sub(rf"(source-documents/{page}\.md\) \|).*", rf"\1 {_cells(count)} |", index)
    return re.sub(r"(?m)^\| all \|.*", f"| all | {_cells(total)} |", index)


def _cells(count: Counter[str]) -> str:
    return " | ".join(map(str, (count.total(), *(count[state] for state in STATES))))


if __name__ == "__main__":
    (EXPLANATION / "source-documents.md").write_text(counted(INDEX), encoding="utf-8")
