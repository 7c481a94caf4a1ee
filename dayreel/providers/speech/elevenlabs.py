"""ElevenLabs: text to speech with the time of every character, by one HTTP call.

Plain HTTP: the vendor's SDK takes longer to import than the call to make, and repeats requests by itself, each of which
is billed. Paths and fields: that SDK, 2.78; errors: "Errors" of its API docs and its help page "API - Error Code 400 or
401", read on 2026-12-01. A narration whose answer was lost is looked for in the account's history, and fetched there.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pydantic import SecretStr

from dayreel.errors import PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import Http, Refusals, Reply, readable, reveal
from dayreel.providers.listings import CLOCK_SKEW, ListedItem, read_pages
from dayreel.providers.proofs import part_of
from dayreel.providers.speech.contract import LOOKS_UP, Speech, SpeechRequest, estimated_words
from dayreel.providers.speech.sound import keep_sound
from dayreel.providers.video.contract import Lookup
from dayreel.schemas.content import SpokenWord
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

URL: Final = "https://api.elevenlabs.io/"
_PLAN = "Subscribe at elevenlabs.io (Starter is enough), or choose a voice that your plan has, then *retry*."
_CREDIT = "Buy credits at elevenlabs.io, Subscription, or wait for the month's end."
_HISTORY: Final = "Look at elevenlabs.io, History."
NEXT_STEPS: Final[Mapping[str, str]] = {
    "invalid_api_key": "Check ELEVENLABS_API_KEY (elevenlabs.io, Developers, API Keys).",
    "missing_permissions": "Give the key Text to Speech, and read access to History and User, at elevenlabs.io.",
    "quota_exceeded": _CREDIT,
    "payment_required": _PLAN,
    "paid_plan_required": _PLAN,
    "detected_unusual_activity": "ElevenLabs takes this machine for one that abuses free accounts: subscribe there.",
    "voice_not_found": "Put the id of a voice of yours into `narration.voice` (elevenlabs.io, Voices, My Voices).",
    "model_not_found": "Choose a `narration.model` that docs/reference/models.md lists.",
    "max_character_limit_exceeded": "Shorten the narration, or choose a `narration.model` that takes more.",
    "too_many_concurrent_requests": "It is tried again later; fewer channels at once may help.",
    "concurrent_limit_exceeded": "It is tried again later; fewer channels at once may help.",
    "system_busy": "It is tried again later.",
    "invalid_input": "Check `narration` in the channel file.",
}
"""The vendor's codes to what a person can do."""

_ERRORS: Final = (
    "elevenlabs.io/docs, Errors; help.elevenlabs.io, API - Error Code 400 or 401: judged before anything is spoken"
)
REFUSALS: Final[Refusals] = dict.fromkeys(
    (
        (400, "max_character_limit_exceeded"),
        (400, "voice_not_found"),
        (400, "model_not_found"),
        (401, "invalid_api_key"),
        (401, "missing_permissions"),
        (401, "quota_exceeded"),
        (401, "detected_unusual_activity"),
        (402, "quota_exceeded"),
        (402, "payment_required"),
        (402, "paid_plan_required"),
        (404, "voice_not_found"),
        (404, "model_not_found"),
        (422, "invalid_input"),
        (429, "too_many_concurrent_requests"),
        (429, "concurrent_limit_exceeded"),
        (429, "system_busy"),
    ),
    _ERRORS,
)
"""What proves that nothing was spoken, by the `code` of an answer, or by the `status` of an older one."""
_SLOWEST, _FASTEST = -30, 20
_PAGE: Final = 100
_PAGES: Final = 10


class ElevenLabsSpeech:
    """Voices of ElevenLabs, by their ids; 44.1 kHz MP3.

    Args:
        key: from elevenlabs.io, Developers, API Keys.
        url: base URL of the API.
        timeout_s: how long the vendor may be silent, in seconds.
    """

    name = "elevenlabs"

    def __init__(self, *, key: SecretStr | str, url: str = URL, timeout_s: float = 90) -> None:
        """Keep the settings; nothing is sent."""
        secret = reveal(key, name="ELEVENLABS_API_KEY")
        self._url = url.rstrip("/")
        self._http = Http("ElevenLabs", headers={"xi-api-key": secret}, secrets=(secret,), read_s=timeout_s)

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        """Write the spoken text to `dest`, as `.mp3`. See the contract for the errors."""
        attempted = f"speak {len(request.text)} characters of {permit.key.content_id} with voice {request.voice!r}"
        attempted += f" of ElevenLabs ({request.model or 'no model'})"
        body = _asked(request, attempted)
        reply = self._http.send(
            "POST",
            f"{self._url}/v1/text-to-speech/{quote(request.voice, safe='')}/with-timestamps",
            attempted=attempted,
            has_side_effects=True,
            params={"output_format": "mp3_44100_128"},
            json=body,
        )
        if not reply.ok:
            raise _refused(reply)
        answer = reply.document()
        try:
            audio = base64.b64decode(str(answer.get("audio_base64") or ""), validate=True)
        except binascii.Error:
            audio = b""
        path = dest.with_suffix(".mp3")
        # It answered 200, and so it may be billed: never bought again by itself. The history may have it whole.
        duration_s = keep_sound(path, audio, attempted=attempted, unusable=UnknownOutcomeError, next_step=_HISTORY)
        return Speech(path, duration_s, _words(answer.get("alignment"), request.text, duration_s))

    def find(self, key: EffectKey, request: SpeechRequest, *, sent_at: datetime) -> Lookup:
        """Look for exactly this text, voice and model in the history since it was sent. See the contract.

        Whether everything is listed there is not promised (an account may keep none), so that nothing proves absence.
        """
        since = sent_at - CLOCK_SKEW

        def page(after: str | None) -> tuple[list[ListedItem], str | None]:
            answer = self._read(
                "/v1/history",
                attempted=f"look for a narration of {key.content_id} in the history of ElevenLabs",
                params={
                    "page_size": _PAGE,
                    "voice_id": request.voice,
                    "date_after_unix": int(since.timestamp()),
                    **({"start_after_history_item_id": after} if after else {}),
                },
            )
            items = [_listed(item) for item in _listing_of(answer, "history") if _has_id(item)]
            return items, items[-1].id if answer.get("has_more") and items else None

        listing = read_pages(page, most_pages=_PAGES)
        match = listing.match(
            lambda item: item.words == (request.text,) and item.raw.get("model_id") in (None, request.model)
        )
        handles = tuple({"history_item_id": item.id} for item in match.candidates) if listing.is_whole else ()
        evidence = f"of the history of ElevenLabs since {since:%Y-%m-%d %H:%M} UTC, {match}"
        return Lookup(handles, proves_absence=False, evidence=evidence)

    def collect(self, handle: Mapping[str, Any], request: SpeechRequest, *, dest: Path) -> Speech:
        """Fetch what the history has under a `history_item_id`. See the contract for the errors."""
        item_id = str(handle["history_item_id"])
        place = f"/v1/history/{quote(item_id, safe='')}"
        attempted = f"fetch narration {item_id!r} from the history of ElevenLabs"
        item = self._read(place, attempted=attempted)
        reply = self._http.send("GET", f"{self._url}{place}/audio", attempted=attempted, has_side_effects=False)
        if not reply.ok:
            raise _refused(reply)
        path = dest.with_suffix(".mp3")
        duration_s = keep_sound(path, reply.body, attempted=attempted, unusable=TransientError)
        times = item.get("alignments")
        words = _words(times.get("alignment") if isinstance(times, Mapping) else None, request.text, duration_s)
        return Speech(path, duration_s, words)

    def subscription(self) -> dict[str, Any]:
        """Return the account's plan, its credits and how many of them are used."""
        return self._read("/v1/user/subscription", attempted="show ElevenLabs the key")

    def _read(self, path: str, *, attempted: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        reply = self._http.send("GET", self._url + path, attempted=attempted, has_side_effects=False, params=params)
        if not reply.ok:
            raise _refused(reply)
        return reply.document()


def connect(access: Access) -> ElevenLabsSpeech:
    """Return ElevenLabs as the world of `access` has it; needs ELEVENLABS_API_KEY."""
    return ElevenLabsSpeech(key=access.secret("ELEVENLABS_API_KEY"), url=access.url(URL, "/elevenlabs/"))


def _asked(request: SpeechRequest, attempted: str) -> dict[str, Any]:
    """Return the body of a request.

    Raises:
        PermanentError: it would be refused, or spoken otherwise than the channel wants; nothing was sent.
    """
    percent = int(request.rate.removesuffix("%"))
    faults = (
        (not request.text.strip(), "there is no text to speak", ""),
        (request.model is None, "no model is chosen", NEXT_STEPS["model_not_found"]),
        (
            not _SLOWEST <= percent <= _FASTEST,
            f"its rate is {request.rate}, and these voices take {_SLOWEST}% to +{_FASTEST}%",
            "Change `narration.rate` in the channel file.",
        ),
    )
    for is_so, answer, step in faults:
        if is_so:
            raise PermanentError(attempted=attempted, answer=f"{answer}; nothing was sent", next_step=step)
    speed = {"voice_settings": {"speed": 1 + percent / 100}} if percent else {}
    return {"text": request.text, "model_id": request.model, **speed}


def _words(times: Any, text: str, duration_s: float) -> tuple[SpokenWord, ...]:
    """Return the words from the times of their characters; estimated where the answer has none."""
    if not isinstance(times, Mapping):
        return estimated_words(text, duration_s)
    names = ("characters", "character_start_times_seconds", "character_end_times_seconds")
    words: list[SpokenWord] = []
    joins = False
    columns = [_listing_of(times, name) for name in names]
    if not all(isinstance(time, int | float) and math.isfinite(time) for column in columns[1:] for time in column):
        return estimated_words(text, duration_s)
    for sign, start_s, end_s in zip(*columns, strict=False):
        if str(sign).isspace():
            joins = False
            continue
        before = words.pop() if joins else None
        begins = before.start_s if before else round(float(start_s), 3)
        words.append(
            SpokenWord(text=(before.text if before else "") + str(sign), start_s=begins, end_s=round(float(end_s), 3))
        )
        joins = True
    return tuple(words) or estimated_words(text, duration_s)


def _listing_of(answer: Mapping[str, Any], name: str) -> Sequence[Any]:
    values = answer.get(name)
    return values if isinstance(values, list) else ()


def _has_id(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.get("history_item_id"))


def _listed(item: Mapping[str, Any]) -> ListedItem:
    return ListedItem(str(item["history_item_id"]), (str(item.get("text") or ""),), None, raw=dict(item))


def _refused(reply: Reply) -> ProviderError:
    detail = part_of(reply, "detail")
    answer = reply.json()
    rows = _listing_of(answer, "detail") if isinstance(answer, dict) else ()
    places = [row.get("loc") if isinstance(row, dict) else None for row in rows]
    if places and all(isinstance(place, list) and place[:1] == ["body"] for place in places):
        detail = {"code": "invalid_input", "message": "; ".join(f"{row['loc'][-1]}: {row.get('msg')}" for row in rows)}
    codes = [str(detail[name]) for name in ("code", "status") if detail.get(name)]
    code = next((code for code in codes if (reply.status, code) in REFUSALS), codes[0] if codes else None)
    return reply.error(
        f"{code or 'no code'}: {detail.get('message') or readable(reply.words)}",
        is_refused=(reply.status, code) in REFUSALS,
        code=code,
        reference=detail.get("request_id") or None,
        next_step=NEXT_STEPS.get(code or "", _HISTORY if reply.has_side_effects else ""),
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for the plan and what is left of it."""
    plan = connect(access).subscription()
    left = int(plan.get("character_limit") or 0) - int(plan.get("character_count") or 0)
    state = f"plan {plan.get('tier')}, {left} credits left this month"
    return Proof(state) if left > 0 else Proof(state, "no credits are left", _CREDIT)


VENDOR: Final = Vendor(
    name="elevenlabs",
    label="ElevenLabs",
    family="speech",
    about="The voices of ElevenLabs, with the time of every word.",
    connect=connect,
    settings=(
        Setting(
            "ELEVENLABS_API_KEY",
            "elevenlabs.io, Developers, API Keys: Text to Speech, and read access to History and User",
            sandbox="sandbox-elevenlabs-key",
        ),
    ),
    can=("narration", "word timings", LOOKS_UP),
    prove=prove,
    where_to_look="elevenlabs.io, History",
    handle="history_item_id",
    order=3,
    first_day=(
        Proof(
            "",
            "a free account can use no library voice over the API (HTTP 402), and the default voices end on 2026-12-31",
            _PLAN,
        ),
    ),
    refusals=frozenset(NEXT_STEPS),
    stand_in="dayreel.sandbox.elevenlabs:mount",
)
