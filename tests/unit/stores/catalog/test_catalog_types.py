"""Money and moments come back exactly as they went in, on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select
from sqlalchemy.exc import StatementError

from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.types import Moment, Usd

THINGS = Table(
    "things", MetaData(), Column("id", Integer, primary_key=True), Column("at", Moment), Column("cost_usd", Usd)
)


def round_trip(catalog: Catalog, **values: object) -> object:
    with catalog.write() as connection:
        THINGS.create(connection, checkfirst=True)
        key = connection.execute(insert(THINGS).values(**values)).inserted_primary_key
        assert key is not None
    column = THINGS.c[next(iter(values))]
    with catalog.read() as connection:
        return connection.execute(select(column).where(THINGS.c.id == key[0])).scalar_one()


def test_moments_come_back_exactly_and_in_utc(catalog: Catalog) -> None:
    for moment in (
        datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=ZoneInfo("Europe/Madrid")),
        datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Madrid")),
        datetime(2026, 11, 20, 9, 0, tzinfo=timezone(timedelta(hours=5, minutes=45))),
        datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ):
        back = round_trip(catalog, at=moment)
        assert isinstance(back, datetime)
        # Compared in UTC: Python calls a folded time unequal to every other zone's.
        assert back == moment.astimezone(UTC)
        assert back.utcoffset() == timedelta(0)
    assert round_trip(catalog, at=None) is None


def test_a_moment_without_a_zone_is_refused(catalog: Catalog) -> None:
    with pytest.raises(StatementError, match="has no time zone"):
        round_trip(catalog, at=datetime(2026, 11, 20, 9, 0))  # noqa: DTZ001  that is the point


def test_money_comes_back_to_the_millionth(catalog: Catalog) -> None:
    for text in ("0", "0.000001", "0.1", "0.30", "2.000000", "123456.654321", "9999999999.999999"):
        back = round_trip(catalog, cost_usd=Decimal(text))
        assert isinstance(back, Decimal)
        assert back == Decimal(text)
    assert round_trip(catalog, cost_usd=None) is None


def test_sums_of_money_do_not_drift(catalog: Catalog) -> None:
    for _ in range(10):
        round_trip(catalog, cost_usd=Decimal("0.1"))
    with catalog.read() as connection:
        total = connection.execute(select(func.sum(THINGS.c.cost_usd))).scalar_one()
    assert total == Decimal(1)
    assert isinstance(total, Decimal)
