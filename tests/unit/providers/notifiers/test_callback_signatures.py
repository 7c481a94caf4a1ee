"""Callbacks from strangers: only what Slack or Discord has signed, just now, and for the first time, gets in."""

import hashlib
import hmac
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from nacl.signing import SigningKey

from dayreel.errors import ConfigurationError
from dayreel.providers.notifiers.discord_callbacks import verify_discord
from dayreel.providers.notifiers.slack_callbacks import verify_slack
from dayreel.rules.signatures import (
    MAX_BODY_BYTES,
    WINDOW_S,
    Headers,
    Repeats,
    UntrustedRequest,
    Verified,
)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
KEY = SigningKey(bytes(range(32)))
PUBLIC = KEY.verify_key.encode().hex()
BODY = b"payload=%7B%22type%22%3A%22block_actions%22%7D"


def slack_signature(stamp: str = STAMP, body: bytes = BODY, secret: str = SECRET) -> str:
    return "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()


def discord_signature(stamp: str = STAMP, body: bytes = BODY) -> str:
    return KEY.sign(stamp.encode() + body).signature.hex()


def slack(
    stamp: str = STAMP, signature: str | None = None, body: bytes = BODY, **more: object
) -> Verified | UntrustedRequest:
    signed = slack_signature(stamp, body) if signature is None else signature
    headers: Headers = [("X-Slack-Request-Timestamp", stamp), ("X-Slack-Signature", signed)]
    return verify_slack(headers, body, signing_secret=SECRET, now=NOW)


def discord(stamp: str = STAMP, signature: str | None = None, body: bytes = BODY) -> Verified | UntrustedRequest:
    signed = discord_signature(stamp, body) if signature is None else signature
    headers: Headers = [("X-Signature-Timestamp", stamp), ("X-Signature-Ed25519", signed)]
    return verify_discord(headers, body, public_key=PUBLIC, now=NOW)


Verify = Callable[..., Verified | UntrustedRequest]
BOTH = pytest.mark.parametrize("verify", [slack, discord])


@BOTH
def test_what_the_vendor_signed_gets_in(verify: Verify) -> None:
    assert isinstance(verify(), Verified)
    assert isinstance(verify(body=b""), Verified)
    assert isinstance(verify(body=b"\xff\x00 odd \xf0"), Verified)


def test_slacks_own_example_gets_in() -> None:
    """The vendor's documentation shows this request with this signature."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    headers = [("x-slack-request-timestamp", "1531420618"), ("x-slack-signature", signature)]
    at = datetime.fromtimestamp(1531420618, UTC)
    assert isinstance(verify_slack(headers, body, signing_secret=SECRET, now=at), Verified)


@BOTH
@pytest.mark.parametrize("away_s", [WINDOW_S + 1, -WINDOW_S - 1, 10**6, -(10**9)])
def test_a_signed_but_old_or_future_timestamp_is_refused(verify: Verify, away_s: int) -> None:
    assert verify(str(int(NOW.timestamp()) + away_s)) == UntrustedRequest("the timestamp is too far from now")


@BOTH
@pytest.mark.parametrize("away_s", [WINDOW_S, -WINDOW_S])
def test_a_clock_that_is_a_little_off_is_no_reason(verify: Verify, away_s: int) -> None:
    assert isinstance(verify(str(int(NOW.timestamp()) + away_s)), Verified)


ODD_STAMPS = [
    "",
    " ",
    "now",
    f" {STAMP}",
    f"{STAMP} ",
    f"+{STAMP}",
    f"{STAMP}.0",
    "1e9",
    "-1",
    "0x10",
    f"{STAMP}\n",
    "9" * 400,
]
ODD_STAMPS += [STAMP.translate({48 + digit: 0x0660 + digit for digit in range(10)}), f"{STAMP[:5]}_{STAMP[5:]}", "nan"]


@BOTH
@pytest.mark.parametrize("stamp", ODD_STAMPS)
def test_an_oddly_written_timestamp_is_refused_without_an_error(verify: Verify, stamp: str) -> None:
    assert verify(stamp) == UntrustedRequest("the timestamp is not written like one")


SLACK, DISCORD = slack_signature(), discord_signature()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v0=",
        SLACK[3:],
        SLACK.upper(),
        f" {SLACK}",
        f"{SLACK} ",
        SLACK.replace("v0", "v1"),
        SLACK[:-1],
        SLACK + "0",
        "v0=" + "é" * 64,
        "v0=" + "\u0660" * 64,
        "v0=" + "0" * 64,
        slack_signature(secret="another"),
        slack_signature("1"),
    ],
)
def test_a_slack_signature_that_is_none_or_another_is_refused(signature: str) -> None:
    assert isinstance(slack(signature=signature), UntrustedRequest)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        DISCORD[:-2],
        DISCORD + "00",
        f"{DISCORD[:64]} {DISCORD[64:]}",
        "zz" * 64,
        "é" * 128,
        "0" * 128,
        discord_signature("1"),
        SigningKey(bytes(32)).sign(STAMP.encode() + BODY).signature.hex(),
        f"0x{DISCORD[2:]}",
    ],
)
def test_a_discord_signature_that_is_none_or_another_is_refused(signature: str) -> None:
    assert isinstance(discord(signature=signature), UntrustedRequest)


def test_a_discord_signature_plus_the_group_order_is_refused() -> None:
    """The same signature with another number in it: without a strict check one callback would have many writings."""
    order = 2**252 + 27742317777372353535851937790883648493
    raw = bytes.fromhex(DISCORD)
    shifted = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    assert discord(signature=(raw[:32] + shifted).hex()) == UntrustedRequest("the signature is not Discord's")


@BOTH
def test_one_changed_byte_of_the_body_is_refused(verify: Verify) -> None:
    sign = slack_signature if verify is slack else discord_signature
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        assert isinstance(verify(signature=sign(), body=changed), UntrustedRequest)


def test_a_shifted_boundary_of_timestamp_and_body_is_refused() -> None:
    """Discord signs timestamp and body without anything between them."""
    moved = discord_signature(STAMP, b"5" + BODY)
    assert isinstance(discord(STAMP + "5", moved, BODY), UntrustedRequest)


@BOTH
def test_a_huge_body_is_refused_before_it_is_looked_at(verify: Verify) -> None:
    assert verify(signature="", body=bytes(MAX_BODY_BYTES + 1)) == UntrustedRequest("the body is too large")


@pytest.mark.parametrize("given_headers", [[], [("X-Slack-Signature", SLACK)], [("X-Slack-Request-Timestamp", STAMP)]])
def test_missing_headers_are_refused(given_headers: list[tuple[str, str]]) -> None:
    assert isinstance(verify_slack(given_headers, BODY, signing_secret=SECRET, now=NOW), UntrustedRequest)


def test_repeated_headers_are_refused_whichever_is_the_good_one() -> None:
    good = [("X-Slack-Request-Timestamp", STAMP), ("X-Slack-Signature", SLACK)]
    for bad in (("x-slack-signature", "v0=" + "0" * 64), ("X-SLACK-REQUEST-TIMESTAMP", "1"), good[0], good[1]):
        for headers in itertools.permutations([*good, bad]):
            assert isinstance(verify_slack(iter(headers), BODY, signing_secret=SECRET, now=NOW), UntrustedRequest)


@given(stamp=some.text(), signature=some.text(), body=some.binary(max_size=200))
def test_nothing_at_all_gets_in_by_chance_or_raises(stamp: str, signature: str, body: bytes) -> None:
    assert isinstance(slack(stamp, signature, body), UntrustedRequest)
    assert isinstance(discord(stamp, signature, body), UntrustedRequest)


@pytest.mark.parametrize("secret", ["", "  "])
def test_without_a_secret_nothing_is_checked_silently(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="signing secret is empty"):
        verify_slack([], BODY, signing_secret=secret, now=NOW)


@pytest.mark.parametrize("key", ["", PUBLIC[:-2], "zz" * 32, f"{PUBLIC[:32]} {PUBLIC[32:]}"])
def test_a_public_key_that_is_none_is_a_configuration_error(key: str) -> None:
    with pytest.raises(ConfigurationError, match="not a valid key"):
        verify_discord([], BODY, public_key=key, now=NOW)


def verified(result: Verified | UntrustedRequest) -> Verified:
    assert isinstance(result, Verified)
    return result


def test_a_callback_is_known_for_as_long_as_it_can_be_replayed() -> None:
    repeats, callback = Repeats(), verified(slack(str(int(NOW.timestamp()) + WINDOW_S)))
    assert repeats.is_new(callback, now=NOW)
    assert not repeats.is_new(callback, now=NOW)
    assert not repeats.is_new(callback, now=NOW + timedelta(seconds=2 * WINDOW_S))
    assert repeats.is_new(verified(slack(body=b"another")), now=NOW)
    assert repeats.is_new(verified(discord()), now=NOW), "the same words of another vendor are another callback"


def test_of_many_at_once_one_is_the_first() -> None:
    repeats, callback = Repeats(), verified(discord())
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: repeats.is_new(callback, now=NOW), range(64))) == 1


def test_a_flood_makes_nobody_forget() -> None:
    repeats, callback = Repeats(most=5), verified(slack())
    assert repeats.is_new(callback, now=NOW)
    flood = [repeats.is_new(Verified(str(number)), now=NOW) for number in range(50)]
    assert sum(flood) == 4
    assert not repeats.is_new(callback, now=NOW)
    assert repeats.is_new(Verified("later"), now=NOW + timedelta(seconds=2 * WINDOW_S + 2))
