"""Tokens: renewed in time, by one process, never lost to a worse one, never readable in the catalog."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from dayreel.errors import ConfigurationError, PermanentError, StaleState, TransientError
from dayreel.sandbox import credentials
from dayreel.services.keep_tokens import Seed, seeds, token_findings, usable_token
from dayreel.settings import Settings
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.token_vault import TokenVault, new_key
from dayreel.vendors.access import Access
from tests.fakes.catalogs import fresh_catalog
from tests.fakes.clock import FakeClock
from tests.fakes.sandbox import RunningSandbox

KEY = SecretStr(new_key())


def seed(vendor: str, **variables: str) -> Seed:
    (matching,) = [entry for entry in seeds(variables.get) if entry.vendor == vendor]
    return matching


TIKTOK = seed(
    "tiktok",
    TIKTOK_ACCESS_TOKEN=credentials.TIKTOK_ACCESS_TOKEN,
    TIKTOK_REFRESH_TOKEN=credentials.TIKTOK_REFRESH_TOKEN,
)
INSTAGRAM = seed("instagram", INSTAGRAM_ACCESS_TOKEN=credentials.INSTAGRAM_LOGIN_TOKEN)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def tokens(world: RunningSandbox, sqlite_catalog: Catalog) -> "Keeper":
    return Keeper(world, sqlite_catalog)


@pytest.fixture
def tokens_in_either(world: RunningSandbox, catalog: Catalog) -> "Keeper":
    """The same on each database, for what hangs on locks, moments and bytes."""
    return Keeper(world, catalog)


class Keeper:
    """Asks for a usable token as a process with its own clock would."""

    def __init__(self, world: RunningSandbox, catalog: Catalog) -> None:
        self.world, self.catalog, self.clock = world, catalog, FakeClock()
        world.reset()
        world.pace(tiktok_single_use_refresh=True)

    @property
    def access(self) -> Access:
        variable = credentials.SANDBOX_CREDENTIALS.get
        return Access("sandbox", variable, self.world.url, self.clock, Path())

    def get(self, seed: Seed, key: SecretStr = KEY) -> str:
        return usable_token(self.catalog, key, self.access, seed)

    def error(self, vendor: str) -> str | None:
        kept = TokenVault(self.catalog, KEY).read(vendor)
        assert kept is not None
        return kept.error


def test_tiktok_renews_early_and_uses_the_rotated_refresh_token(
    tokens_in_either: Keeper,
) -> None:
    """The stand-in takes each refresh token once: a second renewal shows that the new one was kept."""
    first = tokens_in_either.get(TIKTOK)
    assert tokens_in_either.get(TIKTOK) == first
    tokens_in_either.clock.move(hours=1)
    assert tokens_in_either.get(TIKTOK) == first
    tokens_in_either.clock.move(minutes=40)  # less than half an hour is left of two
    second = tokens_in_either.get(TIKTOK)
    tokens_in_either.clock.move(days=40)  # long after the access token has ended
    third = tokens_in_either.get(TIKTOK)
    assert len({first, second, third}) == 3


def test_of_many_processes_one_renews(tokens_in_either: Keeper) -> None:
    with ThreadPoolExecutor(4) as pool:
        got = set(pool.map(lambda _: tokens_in_either.get(TIKTOK), range(8)))
    assert len(got) == 1


def test_a_failed_renewal_keeps_a_token_that_still_works(tokens: Keeper) -> None:
    first = tokens.get(TIKTOK)
    tokens.clock.move(minutes=100)
    tokens.world.arm("tiktok", "token", "error", status=503)
    assert tokens.get(TIKTOK) == first
    assert "503" in str(tokens.error("tiktok"))
    assert tokens.get(TIKTOK) != first
    assert tokens.error("tiktok") is None


def test_a_failed_renewal_of_an_expired_token_names_a_next_step(tokens: Keeper) -> None:
    tokens.get(TIKTOK)
    tokens.clock.move(days=2)
    tokens.world.arm("tiktok", "token", "error", status=503)
    with pytest.raises(TransientError, match="renew the TikTok token"):
        tokens.get(TIKTOK)
    tokens.world.arm("tiktok", "token", "expired_token")
    with pytest.raises(PermanentError) as refusal:
        tokens.get(TIKTOK)
    assert "Connect the TikTok account again" in refusal.value.next_step


def test_a_failed_reconnect_never_overwrites_a_good_token(tokens: Keeper) -> None:
    first = tokens.get(TIKTOK)
    wrong = replace(TIKTOK, access="act.wrong", refresh="rft.wrong-and-secret")
    assert tokens.get(wrong) == first
    assert "refused" in str(tokens.error("tiktok"))
    assert "rft.wrong-and-secret" not in str(tokens.error("tiktok"))
    assert tokens.get(wrong) == first
    tokens.clock.move(hours=19)
    assert tokens.get(wrong) != first, "the stored token goes on being renewed"


def test_a_reconnect_that_works_takes_over(tokens: Keeper) -> None:
    old = tokens.get(INSTAGRAM)
    assert old == credentials.INSTAGRAM_LOGIN_TOKEN
    tokens.clock.move(days=8)
    newer = replace(INSTAGRAM, access=tokens.get(INSTAGRAM))
    assert newer.access != old
    assert tokens.get(newer) == newer.access


def test_a_token_that_was_replaced_meanwhile_is_not_overwritten(tokens: Keeper) -> None:
    tokens.get(TIKTOK)
    vault, at = TokenVault(tokens.catalog, KEY), tokens.clock.now()
    before = vault.read("tiktok")
    assert before is not None
    newer, older = (replace(before.token, access=name) for name in ("newer", "older"))
    vault.keep("tiktok", newer, seed_sha256=before.seed_sha256, before=before, at=at)
    with pytest.raises(StaleState, match="changed by somebody else"):
        vault.keep("tiktok", older, seed_sha256=before.seed_sha256, before=before, at=at)
    with pytest.raises(StaleState, match="changed by somebody else"):
        vault.note("tiktok", before, error="it was refused", at=at, refused_seed_sha256=None)
    kept = vault.read("tiktok")
    assert kept is not None
    assert (kept.token.access, kept.error) == ("newer", None)


def test_instagram_renews_its_token_weekly_but_not_on_day_one(tokens: Keeper) -> None:
    first = tokens.get(INSTAGRAM)
    tokens.clock.move(hours=23)
    assert tokens.get(INSTAGRAM) == first
    tokens.clock.move(days=7)
    second = tokens.get(INSTAGRAM)
    assert second != first
    tokens.clock.move(days=6)
    assert tokens.get(INSTAGRAM) == second


def test_instagrams_token_is_never_renewed_once_it_has_ended(tokens: Keeper) -> None:
    tokens.get(INSTAGRAM)
    tokens.clock.move(days=8)
    tokens.get(INSTAGRAM)
    tokens.clock.move(days=61)
    with pytest.raises(PermanentError, match="an ended one is not renewed") as refusal:
        tokens.get(INSTAGRAM)
    assert "dayreel connect instagram" in refusal.value.next_step


def test_no_token_stands_readable_in_the_catalog(tokens_in_either: Keeper) -> None:
    got = tokens_in_either.get(TIKTOK)
    with tokens_in_either.catalog.read() as connection:
        row = connection.execute(text("SELECT * FROM oauth_tokens")).one()
    shown = repr(tuple(row))
    assert all(secret not in shown for secret in (got, TIKTOK.access, str(TIKTOK.refresh)))
    kept = TokenVault(tokens_in_either.catalog, KEY).read("tiktok")
    assert got not in repr(kept)


def test_a_wrong_token_key_is_refused_but_an_old_one_may_follow(tokens: Keeper) -> None:
    got = tokens.get(TIKTOK)
    other = new_key()
    with pytest.raises(ConfigurationError, match="DAYREEL_TOKEN_KEY") as refusal:
        tokens.get(TIKTOK, SecretStr(other))
    assert other not in str(refusal.value)
    assert tokens.get(TIKTOK, SecretStr(f"{other},{KEY.get_secret_value()}")) == got
    with pytest.raises(ConfigurationError, match="is not a valid key"):
        tokens.get(TIKTOK, SecretStr("too short"))


def settings_with(url: str, root: Path, *, key: SecretStr | None = KEY) -> Settings:
    settings = Settings(_env_file=None, root=root, catalog_url=url, token_key=key)
    return settings.with_variables(TIKTOK_ACCESS_TOKEN=TIKTOK.access, TIKTOK_REFRESH_TOKEN=TIKTOK.refresh)


def test_doctor_shows_the_days_that_are_left(world: RunningSandbox, sqlite_url: str, tmp_path: Path) -> None:
    with fresh_catalog(sqlite_url) as catalog:
        keeper = Keeper(world, catalog)
        settings = settings_with(sqlite_url, tmp_path)
        (before,) = token_findings(settings, keeper.clock.now())
        assert "not stored yet" in before.found
        keeper.get(TIKTOK)
        now = keeper.clock.now()
        (fresh,) = token_findings(settings, now)
        assert (fresh.verdict, fresh.found) == ("ok", "access token: 0.1 days left; refresh token: 180.0 days left")
        keeper.get(replace(TIKTOK, access="act.wrong", refresh="rft.wrong"))
        keeper.clock.move(minutes=100)
        keeper.get(TIKTOK)
        (wrong,) = token_findings(settings.with_variables(TIKTOK_REFRESH_TOKEN="rft.wrong"), keeper.clock.now())
        assert (wrong.verdict, "was refused" in wrong.found) == ("warn", True), "also after a renewal"
        (late,) = token_findings(settings, now + timedelta(days=167))
        assert late.verdict == "warn"
        (gone,) = token_findings(settings, now + timedelta(days=181))
        assert gone.verdict == "fail"
        (unsealed,) = token_findings(settings_with(sqlite_url, tmp_path, key=None), now)
        assert (unsealed.verdict, "DAYREEL_TOKEN_KEY" in unsealed.found) == ("warn", True)
        (locked,) = token_findings(settings_with(sqlite_url, tmp_path, key=SecretStr(new_key())), now)
        assert locked.verdict == "fail"
