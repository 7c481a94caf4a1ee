"""How are the settings that people change while dayreel runs? Caps, the kill switch, which accounts post for real.

Defaults here, then the catalog's `config` table, then the environment, which wins (seed 000), except over a kill switch
that somebody has turned off. Changing one is `services.configure`. Settings of a process are `dayreel.settings`; those
of a channel are its file.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, bindparam, select

from dayreel.errors import UsageError
from dayreel.rules.kill_switch import ALLOWED, STOPPED
from dayreel.stores.catalog.tables import acts, config
from dayreel.vendors.registry import names, platform_named

Origin = Literal["default", "catalog", "environment"]


def _usd(text: str) -> str:
    # Decimal itself takes 1e999, 2_0 and digits of every script: a slip of the fingers that is not a cap at all.
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,4})?", text):
        raise UsageError(
            f"{text!r} is not a valid amount of dollars.", next_step="Write it like 2.00; the most is 999999."
        )
    return text


def _percent(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9])?|100", text):
        raise UsageError(f"{text!r} is not a percentage.", next_step="Write it like 5 or 2.5; the most is 100.")
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise UsageError(f"{text!r} is not allowed here.", next_step=f"Allowed are: {', '.join(allowed)}.")
        return text

    return read


@dataclass(frozen=True)
class Key:
    """One setting: what it is for, its default, and how its text is read.

    Attributes:
        wins: a value that holds wherever it was said, whatever the environment of a process says.
    """

    name: str
    default: str
    description: str
    read: Callable[[str], str]
    wins: str | None = None

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return "DAYREEL_" + self.name.replace(".", "_").upper()


_KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key("switch", "on", "the kill switch: `off` stops every purchase and every post", _one_of("on", "off"), "off"),
        Key("cap.content_usd", "2.00", "most that one content may cost, unless its channel says otherwise", _usd),
        Key("cap.channel_day_usd", "5.00", "most that one channel's content day may cost, likewise", _usd),
        Key("cap.day_usd", "25.00", "most that may be spent on one calendar day, everything together", _usd),
        Key("cap.month_usd", "300.00", "most that may be spent in one calendar month, everything together", _usd),
        Key(
            "bill.difference_usd",
            "0.50",
            "a vendor's bill of a day that differs by more from what is booked is reported",
            _usd,
        ),
        Key(
            "bill.difference_percent",
            "5",
            "likewise, in per cent of what is booked; the larger one of both holds",
            _percent,
        ),
    )
}
_PUBLISH = "publish."
_NAMED = select(config).where(config.c.key.in_(bindparam("names", expanding=True)))


@dataclass(frozen=True)
class Value:
    """One setting as it is now, and where that comes from."""

    key: Key
    value: str
    origin: Origin
    updated_by: str | None = None
    updated_at: datetime | None = None
    note: str | None = None


def key_named(name: str) -> Key:
    """Return a setting's definition.

    Raises:
        UsageError: there is none of that name; lists those that are.
    """
    if name in _KEYS:
        return _KEYS[name]
    try:
        if name.startswith(_PUBLISH):
            return _publish_key(name.removeprefix(_PUBLISH))
    except UsageError:
        pass
    raise UsageError(f"There is no setting {name!r}.", next_step=f"Settings are: {', '.join(keys())}.")


def keys() -> Mapping[str, Key]:
    """Return every setting by its name: caps and the switch, then one per platform."""
    publish = map(_publish_key, names("platforms"))
    return {**_KEYS, **{key.name: key for key in publish}}


def _publish_key(platform: str) -> Key:
    # Nothing leaves this machine where people post by hand, so it needs no permission first.
    by_hand = platform_named(platform).by_hand
    about = f"`dry-run` keeps even the {platform} empty" if by_hand else f"`live` allows real posts on {platform}"
    return Key(_PUBLISH + platform, "live" if by_hand else "dry-run", about, _one_of("dry-run", "live"))


def read_config(connection: Connection, name: str, *, environment: Mapping[str, str] | None = None) -> Value:
    """Return one setting as it holds now, read inside the caller's transaction.

    Raises:
        UsageError: there is no such setting, or its override in the environment cannot be read.
    """
    return read_configs(connection, name, environment=environment)(name)


def read_configs(
    connection: Connection, *names: str, environment: Mapping[str, str] | None = None
) -> Callable[[str], Value]:
    """Return what says how each of several settings holds now, after one question to the catalog.

    What is returned takes one of `names`, and raises as `read_config` does.
    """
    rows = {row["key"]: row for row in connection.execute(_NAMED, {"names": names}).mappings()}

    def value_of(name: str) -> Value:
        key, row = key_named(name), rows.get(name)
        overlay = (os.environ if environment is None else environment).get(key.variable)
        if overlay is not None and (row is None or row["value"] != key.wins):
            return Value(key, key.read(overlay), "environment")
        if row is None:
            return Value(key, key.default, "default")
        return Value(key, str(row["value"]), "catalog", row["updated_by"], row["updated_at"], row["note"])

    return value_of


def config_at(connection: Connection, name: str, at: datetime) -> str:
    """Return what a setting was at a moment: what the first change after it replaced, else what it is now.

    A value that came from the environment left no trace when it was changed there.

    Raises:
        UsageError: there is no such setting, or its override in the environment cannot be read.
    """
    later = (
        select(acts.c.detail)
        .where(acts.c.target == key_named(name).name, acts.c.at >= at, acts.c.act.like("set %"))
        .order_by(acts.c.id)
        .limit(1)
    )
    detail = connection.execute(later).scalar()
    return read_config(connection, name).value if detail is None else str(detail["before"])


def switch_sentence(value: Value) -> str:
    """Return what the kill switch does now, as a sentence, and whether the environment decides it."""
    clause = STOPPED if value.value == "off" else ALLOWED
    sentence = f"{clause[0].upper()}{clause[1:]}."
    if value.origin == "environment":
        sentence += f" {value.key.variable}={value.value} in the environment wins over what is set."
    return sentence
