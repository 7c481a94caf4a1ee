"""What a mart's file says is what is checked, built and shown."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest

from dayreel.marts.build import build_mart, mart_files, refresh_marts
from dayreel.marts.checks import check_tables
from dayreel.marts.content_tables import CONTENT_TABLES
from dayreel.marts.database import schema_of
from dayreel.marts.declared import MARTS, marts_of
from dayreel.schemas.mart import KEY_CHECK, NULL_CHECK, ROWS_CHECK, Mart, Table
from dayreel.stores.catalog.tables import state_transitions
from tests.fakes.clock import NINE
from tests.unit.marts.hand_made import DAY, Catalogued, MakeProject, at

TABLES: Mapping[str, Table] = {**MARTS, **CONTENT_TABLES}
DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "analytics.md"
SOUND: Mapping[str, Any] = {
    "text": "a",
    "int": 1,
    "float": 1.0,
    "usd": Decimal(1),
    "day": DAY,
    "moment": NINE,
    "flag": True,
}
# What a row must have for all checks of its mart to hold, where the values above do not do.
HOLDS: Mapping[str, dict[str, Any]] = {
    "engagement/daily": {
        "status": "measured",
        "reason": None,
        "views_taken_back": 0,
        "likes_taken_back": 0,
        "reach_taken_back": 0,
    },
    "engagement/cohorts": {"method": "observed", "before_h": 0.5},
    "engagement/followers": {"reason": None},
    "content/performance": {"cost_usd": Decimal(4)},
    "finance/spend": {"spent_usd": Decimal(3)},
    "review/outcomes": {"verdict": "approved"},
    "factory/health": {"attempts": 3},
    "library/throughput": {"outcome": "done"},
    "experiments/results": {"verdict": "A beats B"},
    **{name: {"sha256": "a" * 64} for name in ("raw_segments", "narration", "final_video")},
    "reviews": {"verdict": "approved", "video_sha256": "a" * 64},
    "posts": {"state": "posted", "video_sha256": "a" * 64},
}
SUMMARY: Mapping[str, dict[str, Any]] = {
    "counts_are_not_negative": {"posts_unknown": -1},
    "rates_are_shares": {"approval_rate": 1.1},
    "gains_are_not_negative": {"saves_gained": -1},
    "unknown_is_part_of_spent": {"unknown_usd": Decimal(2)},
    "days_are_of_the_period": {"days_missing": 32},
}
BREAKS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("engagement/daily", "status_is_known"): {"status": "maybe"},
    ("engagement/daily", "missing_has_a_reason"): {"reason": "HTTP 503"},
    ("engagement/daily", "missing_is_null_not_zero"): {"status": "missing", "reason": "HTTP 503"},
    ("engagement/daily", "totals_are_not_negative"): {"saves": -1},
    ("engagement/daily", "more_is_not_negative"): {"skip_rate": 41.5},
    ("engagement/daily", "total_is_gained_less_taken_back"): {"likes": 1, "likes_gained": 3},
    ("engagement/daily", "gained_or_taken_back"): {"views_taken_back": 7},
    ("engagement/cohorts", "method_is_known"): {"method": "guessed"},
    ("engagement/cohorts", "gap_is_null"): {"method": "gap"},
    ("engagement/cohorts", "age_is_between_its_snapshots"): {"after_h": 0.9},
    ("engagement/cohorts", "counters_are_not_negative"): {"watch_time_s": -0.5},
    ("engagement/cohorts", "rates_are_possible"): {"completion": -0.1},
    ("engagement/followers", "followers_are_not_negative"): {"followers": -1},
    ("engagement/followers", "unknown_has_a_reason"): {"followers": None},
    ("content/performance", "takes_count_from_one"): {"take": 0},
    ("content/performance", "costs_add_up"): {"cost_usd": Decimal("3.99")},
    ("content/performance", "costs_are_not_negative"): {"cost_voice_usd": Decimal(-1)},
    ("content/performance", "counters_are_not_negative"): {"views_latest": -1},
    ("content/performance", "views_need_a_post"): {"platforms": 0},
    ("experiments/results", "counts_are_not_negative"): {"n_b": -1},
    ("experiments/results", "interval_holds_its_ratio"): {"ratio_high": 0.5},
    ("experiments/results", "verdict_needs_data"): {"ratio": None},
    ("factory/health", "outcomes_are_attempts"): {"completed": 2},
    ("factory/health", "rate_is_a_share"): {"success_rate": 1.5},
    ("factory/health", "seconds_are_not_negative"): {"seconds_most": 0.5},
    ("finance/billed_vs_booked", "amounts_are_not_negative"): {"held_usd": Decimal(-1)},
    ("finance/billed_vs_booked", "difference_where_billed"): {"billed_usd": None},
    ("finance/projection", "amounts_are_not_negative"): {"cap_day_usd": Decimal(-1)},
    ("finance/projection", "projection_covers_what_was_spent"): {"projected_month_usd": Decimal("0.5")},
    ("finance/spend", "amounts_are_not_negative"): {"purchases": -1},
    ("finance/spend", "spent_is_the_sum"): {"spent_usd": Decimal(4)},
    ("library/throughput", "outcome_is_known"): {"outcome": "lost"},
    ("library/throughput", "sizes_and_times_are_not_negative"): {"seconds": -1.0},
    ("review/outcomes", "verdict_is_known"): {"verdict": "liked"},
    ("review/outcomes", "expired_has_no_decision"): {"verdict": "expired"},
    ("review/outcomes", "hours_are_not_negative"): {"hours_to_decision": -0.1},
    **{(name, "takes_count_from_one"): {"take": 0} for name in CONTENT_TABLES},
    **{
        (name, "cost_is_not_negative"): {"cost_usd": Decimal(-1)}
        for name in ("ideas", "prompts", "raw_segments", "narration")
    },
    **{(name, "segments_count_from_one"): {"segment": 2} for name in ("prompts", "raw_segments")},
    ("ideas", "texts_are_not_empty"): {"caption": " "},
    ("prompts", "texts_are_not_empty"): {"audio_prompt": ""},
    ("raw_segments", "files_are_not_empty"): {"size_bytes": 0},
    ("raw_segments", "files_differ"): {"segment": 1},
    ("raw_segments", "pictures_have_a_size"): {"height": 0},
    ("narration", "file_is_not_empty"): {"sha256": "lost"},
    ("narration", "speech_has_a_length"): {"duration_s": 0.0},
    ("final_video", "file_is_not_empty"): {"size_bytes": 0},
    ("final_video", "picture_has_a_size"): {"duration_s": 0.0},
    ("final_video", "revision_counts_from_one"): {"revision": 0},
    ("reviews", "verdict_is_known"): {"verdict": "liked"},
    ("reviews", "video_is_named"): {"video_sha256": ""},
    ("posts", "state_is_known"): {"state": "lost"},
    ("posts", "posted_has_a_time"): {"posted_at": None},
    ("posts", "video_is_named"): {"video_sha256": "f"},
    **{(name, check): broken for name in ("summary/weekly", "summary/monthly") for check, broken in SUMMARY.items()},
}


def row_of(table: Table, **changes: Any) -> dict[str, Any]:
    return {column.name: SOUND[column.kind] for column in table.columns} | HOLDS.get(table.name, {}) | changes


def failing(table: Table, *rows: dict[str, Any]) -> set[str]:
    partition = pa.Table.from_pylist(list(rows), schema=schema_of(table))
    return {result.name for result in check_tables(table, {"all": partition})["all"] if not result.passed}


def test_every_check_that_is_declared_is_shown_to_fail_below() -> None:
    assert set(BREAKS) == {(name, check) for name, table in TABLES.items() for check in table.checks}


@pytest.mark.parametrize("name", TABLES)
def test_a_row_that_breaks_one_rule_fails_that_check(name: str) -> None:
    """With a sound row beside it: some rules look at all rows of the partition."""
    table = TABLES[name]
    assert failing(table, row_of(table)) == set()
    for check in table.checks:
        broken = row_of(table, **BREAKS[name, check])
        beside = [row_of(table, segment=2)] if check == "files_differ" else []
        assert check in failing(table, broken, *beside), check


@pytest.mark.parametrize("name", TABLES)
def test_keys_nulls_and_rows_are_checked_of_every_table(name: str) -> None:
    table = TABLES[name]
    assert KEY_CHECK in failing(table, row_of(table), row_of(table))
    assert {KEY_CHECK, NULL_CHECK} <= failing(table, row_of(table, **{table.key[-1]: None}))
    assert NULL_CHECK in failing(table, row_of(table, simulated=None))
    assert failing(table) == ({ROWS_CHECK} if table.least_rows else set())


def test_a_table_whose_key_is_there_twice_is_not_written(by_hand: Catalogued, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(_records: Any, _files: Any, name: str, keys: list[str]) -> dict[str, Any]:
        rows = pa.Table.from_pylist([row_of(MARTS[name])] * 2, schema=schema_of(MARTS[name]))
        return dict.fromkeys(keys, rows)

    monkeypatch.setattr("dayreel.marts.build.build_mart", twice)
    with pytest.raises(ValueError, match=f"of {DAY} was not written: .* does not hold"):
        refresh_marts(by_hand.project, [DAY])
    assert not any(mart_files(by_hand.project).partitions(name) for name in MARTS)


def test_the_table_of_the_docs_is_a_mart_by_its_file_alone(
    by_hand: Catalogued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, section = DOCS.read_text(encoding="utf-8").partition("## Add a table or a column")
    (sql,) = re.findall(r"```sql\n(.*?)```", section.partition("\n## ")[0], flags=re.DOTALL)
    path = tmp_path / "finance_by_model.sql"
    path.write_text(sql, encoding="utf-8")
    (mart,) = marts_of(path)
    monkeypatch.setitem(cast("dict[str, Mart]", MARTS), mart.name, mart)
    assert [(column.name, column.kind) for column in mart.columns][:3] == [
        ("day", "day"), ("channel", "text"), ("model", "text"),
    ]  # fmt: skip
    by_hand.contents("c-1")
    by_hand.effects(("fal", "video", "confirmed", "1", "0.25"), model="wan")
    by_hand.effects(("edge", "voice", "confirmed", "1", "0.01"), ("edge", "voice", "confirmed", "1", "0.02"))
    rows = by_hand.built("finance/by_model").to_dict("records")
    assert [(row["model"], row["spent_usd"]) for row in rows] == [("none", Decimal("0.03")), ("wan", Decimal("0.25"))]


def test_both_databases_give_the_same_rows(catalog: Any, make_project: MakeProject) -> None:
    """Moments, money, days, JSON and flags come as other types from either; one row of each mart shows them all."""
    both = Catalogued(make_project(channels={}, catalog=catalog))
    both.posts((1, "instagram", "2026-11-08 15:30"), (2, "tiktok", "2026-11-08 15:30"))
    both.snapshots(
        (1, "2026-11-09 07:30", {"views": 100}), (1, "2026-11-10 07:30", {"views": 160, "watch_time_s": 1.5})
    )
    both.failures(("tiktok", "HTTP 503"))
    both.effects(("fal", "video", "confirmed", "1", "0.250001"), content_id="crafts-1", world="sandbox", id=50)
    both.decisions(("crafts-2", "rejected", "2026-11-10 10:00"), id=50)
    asked: dict[str, Any] = {
        "entity": "content", "entity_id": "crafts-2", "from_state": "composing", "to_state": "review_pending",
        "event": "request_review", "trigger": "auto", "actor": "a", "version": 1, "at": at("2026-11-10 08:00"),
    }  # fmt: skip
    both.put(state_transitions, asked)
    built = {mart.name: both.built(mart.name) for mart in MARTS.values() if mart.every == "day"}
    daily = built["engagement/daily"].to_dict("records")
    assert [(row["views_gained"], row["watch_time_s"], row["reason"], row["simulated"]) for row in daily] == [
        (60, 1.5, None, True), (None, None, "HTTP 503", True),
    ]  # fmt: skip
    (cohort,) = built["engagement/cohorts"].to_dict("records")
    assert (cohort["age"], cohort["views"], cohort["method"]) == ("24h", 120, "interpolated")
    first, second = built["content/performance"].to_dict("records")
    assert (first["cost_video_usd"], first["views_24h"], second["verdict"]) == (Decimal("0.250001"), 120, "rejected")
    assert built["finance/spend"].to_dict("records")[0]["spent_usd"] == Decimal("0.250001")
    assert built["finance/projection"].to_dict("records")[0]["projected_month_usd"] == Decimal("0.750003")
    assert [row["hours_to_decision"] for row in built["review/outcomes"].to_dict("records")] == [2.0]
    assert built["factory/health"].to_dict("records")[0]["provider"] == "tiktok"
    files = mart_files(both.project)
    for name, table in ((name, build_mart(both.project, files, name, [DAY.isoformat()])) for name in built):
        files.write(name, DAY.isoformat(), table[DAY.isoformat()])
    (month,) = build_mart(both.project, files, "summary/monthly", [date(2026, 11, 1).isoformat()]).values()
    assert [(row["views_gained"], row["days_missing"]) for row in month.to_pylist()] == [(60, 1)]
