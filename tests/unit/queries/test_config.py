"""Settings that people change: defaults, the catalog, the environment, in this order."""

from datetime import timedelta

import pytest

from dayreel.errors import UsageError
from dayreel.queries.config import config_at, keys, read_config
from dayreel.services.audit import recent_acts
from dayreel.services.configure import write_config
from dayreel.stores.catalog.engine import Catalog
from tests.fakes.clock import NINE


@pytest.mark.parametrize("name", keys())
def test_every_setting_has_a_default_that_its_own_reader_takes(sqlite_catalog: Catalog, name: str) -> None:
    key = keys()[name]
    assert key.read(key.default) == key.default
    with sqlite_catalog.read() as connection:
        setting = read_config(connection, name, environment={})
    assert (setting.value, setting.origin) == (key.default, "default")


def test_default_caps_match_the_plan_and_no_account_posts_live() -> None:
    assert {name: key.default for name, key in keys().items() if name.startswith("cap.")} == {
        "cap.content_usd": "2.00",
        "cap.channel_day_usd": "5.00",
        "cap.day_usd": "25.00",
        "cap.month_usd": "300.00",
    }
    live = {name for name, key in keys().items() if name.startswith("publish.") and key.default == "live"}
    assert live <= {"publish.outbox"}  # a folder of one's own is not an account


def test_a_change_is_kept_with_who_when_and_why(catalog: Catalog) -> None:
    for value in ("1.50", "0.10"):
        with catalog.write() as connection:
            write_config(connection, "cap.day_usd", value, by="ana", at=NINE, note="trying it out")
    with catalog.read() as connection:
        setting = read_config(connection, "cap.day_usd", environment={})
    assert (setting.value, setting.origin, setting.updated_by, setting.updated_at, setting.note) == (
        "0.10",
        "catalog",
        "ana",
        NINE,
        "trying it out",
    )


def test_what_a_setting_was_on_an_earlier_day_is_still_known(catalog: Catalog) -> None:
    days = [NINE + timedelta(days=number) for number in range(4)]
    for day, value in ((days[1], "10"), (days[2], "40")):
        with catalog.write() as connection:
            write_config(connection, "cap.day_usd", value, by="ana", at=day, note="trying it out", via="tui")
    with catalog.read() as connection:
        assert [config_at(connection, "cap.day_usd", day - timedelta(seconds=1)) for day in days] == [
            "25.00", "25.00", "10", "40",
        ]  # fmt: skip
        assert config_at(connection, "cap.month_usd", NINE) == "300.00"
        newest = recent_acts(connection)[0]
    assert (newest.actor, newest.via, newest.act, newest.target) == ("ana", "tui", "set 40", "cap.day_usd")
    assert newest.detail == {"before": "10", "value": "40", "note": "trying it out"}


def test_the_environment_wins(sqlite_catalog: Catalog) -> None:
    with sqlite_catalog.write() as connection:
        write_config(connection, "switch", "on", by="ana", at=NINE)
        setting = read_config(connection, "switch", environment={"DAYREEL_SWITCH": "off"})
    assert (setting.value, setting.origin) == ("off", "environment")
    with pytest.raises(UsageError, match="'perhaps' is not allowed here"), sqlite_catalog.read() as connection:
        read_config(connection, "switch", environment={"DAYREEL_SWITCH": "perhaps"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("switch", "OFF"),
        ("switch", ""),
        ("cap.day_usd", "-1"),
        ("cap.day_usd", "ten"),
        ("cap.day_usd", "NaN"),
        ("cap.day_usd", "Infinity"),
        ("cap.day_usd", "1e999"),
        ("cap.day_usd", "2_5"),
        ("cap.day_usd", "\u0662\u0665"),
        ("cap.day_usd", "25,00"),
        ("cap.day_usd", ""),
        ("publish.tiktok", "yes"),
        ("no.such", "1"),
    ],
)
def test_what_cannot_be_read_is_refused_and_changes_nothing(sqlite_catalog: Catalog, name: str, value: str) -> None:
    with pytest.raises(UsageError), sqlite_catalog.write() as connection:
        write_config(connection, name, value, by="ana", at=NINE)
    with sqlite_catalog.read() as connection:
        assert all(read_config(connection, key, environment={}).origin == "default" for key in keys())


def test_an_unknown_setting_lists_those_that_are(sqlite_catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=r"no setting 'cap\.week'.*cap\.day_usd"), sqlite_catalog.read() as connection:
        read_config(connection, "cap.week")


def test_a_stored_kill_switch_off_wins_over_an_environment_on(sqlite_catalog: Catalog) -> None:
    with sqlite_catalog.write() as connection:
        for position in ("off", "on"):
            write_config(connection, "switch", position, by="ana", at=NINE)
            switches = [
                read_config(connection, "switch", environment={"DAYREEL_SWITCH": value}) for value in ("on", "off")
            ]
            assert [switch.value for switch in switches] == [position, "off"]
