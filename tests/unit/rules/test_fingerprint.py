"""Fingerprints: the same for the same, another for another, and nothing by accident."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Brand


def test_the_order_in_which_parts_are_named_does_not_matter() -> None:
    assert fingerprint(a=1, b={"x": 1, "y": 2}) == fingerprint(b={"y": 2, "x": 1}, a=1)


def test_it_is_the_same_on_every_machine_and_in_every_version() -> None:
    # A change of this value makes every finished stage be made and paid again.
    known = fingerprint(code="1", cost=Decimal("0.10"), day=date(2026, 11, 20), file=Path("a/b"), text="Müll 🏺")
    text = '{"code":"1","cost":"0.10","day":"2026-11-20","file":"a/b","text":"Müll 🏺"}'
    assert known == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (1, "1"),
        (1, 2),
        (None, ""),
        (None, False),
        ([1, 2], [2, 1]),
        ("a", "a "),
        (Decimal("0.1"), Decimal("0.10")),
        (datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1)),
        (Brand(), Brand(loudness_lufs=-16)),
    ],
)
def test_another_value_is_another_fingerprint(first: object, other: object) -> None:
    assert fingerprint(value=first) != fingerprint(value=other)


def test_the_name_of_a_part_counts() -> None:
    assert fingerprint(a=1) != fingerprint(b=1)


@pytest.mark.parametrize("thing", [object(), {1, 2}, b"bytes", lambda: None])
def test_what_has_no_meaning_of_its_own_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="has no fingerprint"):
        fingerprint(thing=thing)
