"""Reading and writing content ids and days."""

from datetime import date

import pytest

from dayreel.errors import UsageError
from dayreel.rules.content_ids import ContentId, parse_content_id, parse_day


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("asmr_crafts-2026-11-20", ContentId("asmr_crafts", date(2026, 11, 20))),
        ("asmr_crafts-2026-11-20-t2", ContentId("asmr_crafts", date(2026, 11, 20), 2)),
        ("a1-2028-02-29-t12", ContentId("a1", date(2028, 2, 29), 12)),
    ],
)
def test_an_id_reads_back_as_it_is_written(text: str, parts: ContentId) -> None:
    assert parse_content_id(text) == parts
    assert str(parts) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "asmr_crafts",
        "2026-11-20",
        "Crafts-2026-11-20",
        "asmr_crafts-2026-11-20-t1",
        "asmr_crafts-2026-11-20-t0",
        "asmr_crafts-2026-11-20-t02",
        "asmr_crafts-2026-11-20-2",
        "asmr_crafts-20261120",
        "../asmr_crafts-2026-11-20",
        "asmr_crafts-2026-11-20/..",
        "asmr_crafts-2026-11-20\n",
    ],
)
def test_anything_else_is_refused_and_shown_what_one_looks_like(text: str) -> None:
    with pytest.raises(UsageError, match="asmr_crafts-2026-11-20"):
        parse_content_id(text)


@pytest.mark.parametrize("text", ["", "today", "20.11.2026", "2026-11-2", "2026-13-01", "2026-02-30", "20261120"])
def test_a_malformed_or_nonexistent_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        parse_day(text)
    with pytest.raises(UsageError):
        parse_content_id(f"crafts-{text}")
