"""OpenAI's speech endpoint, and servers of one's own that speak its protocol (Kokoro, LocalAI, Speaches).

Plain HTTP: one POST that answers sound needs no SDK, which takes a second to import. Fields: SDK 3.52, `audio.speech`;
errors are those of `providers.llm.openai`. OpenAI ends its own models on 2027-01-06 (text-to-speech guide, read on
2026-12-01), and names no other for this endpoint. It gives no word times and keeps nothing: a lost answer stays with a
person.
"""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from dayreel.errors import PermanentError, ProviderError, UnknownOutcomeError
from dayreel.providers.http import Http, Reply, reveal
from dayreel.providers.llm.openai import BASE_URL, BILLING, KEY, NEXT_STEPS, NO_CREDIT, NO_CREDIT_YET, REFUSALS
from dayreel.providers.proofs import part_of, prove_models
from dayreel.providers.speech.contract import Speech, SpeechRequest, estimated_words
from dayreel.providers.speech.sound import keep_sound
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

_OWN_URL: Final = "OPENAI_SPEECH_URL"
_OWN_KEY: Final = "OPENAI_SPEECH_KEY"
_USAGE: Final = "Look at platform.openai.com, Usage."
_SLOWEST, _FASTEST = -75, 300


class OpenAISpeech:
    """Voices of OpenAI, such as `coral`, or of a server that speaks its protocol; MP3.

    Args:
        api_key: from platform.openai.com, or the server's; None where that wants none.
        base_url: with `/v1`.
        variable: what names the key, for messages.
        timeout_s: how long may be silent who speaks, in seconds.
    """

    name = "openai_speech"

    def __init__(
        self,
        *,
        api_key: SecretStr | str | None,
        base_url: str = BASE_URL,
        variable: str = KEY.variable,
        timeout_s: float = 120,
    ) -> None:
        """Keep the settings; nothing is sent."""
        key = "" if api_key is None else reveal(api_key, name=variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.base_url = base_url.rstrip("/")
        self.http = Http("OpenAI", headers=headers, secrets=(key,), read_s=timeout_s)
        self.variable = variable

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        """Write the spoken text to `dest`, as `.mp3`. See the contract for the errors."""
        attempted = f"speak {len(request.text)} characters of {permit.key.content_id} with voice {request.voice!r}"
        attempted += f" of OpenAI ({request.model or 'no model'})"
        percent = int(request.rate.removesuffix("%"))
        faults = (
            (not request.text.strip(), "there is no text to speak"),
            (request.model is None, "no `narration.model` is chosen"),
            (not _SLOWEST <= percent <= _FASTEST, f"its rate is {request.rate}, beyond {_SLOWEST}% to +{_FASTEST}%"),
        )
        for is_so, answer in faults:
            if is_so:
                step = "Correct `narration` in the channel file."
                raise PermanentError(attempted=attempted, answer=f"{answer}; nothing was sent", next_step=step)
        speed = {"speed": 1 + percent / 100} if percent else {}
        reply = self.http.send(
            "POST",
            f"{self.base_url}/audio/speech",
            attempted=attempted,
            has_side_effects=True,
            json={
                "model": request.model,
                "voice": request.voice,
                "input": request.text,
                "response_format": "mp3",
                **speed,
            },
        )
        if not reply.ok:
            raise _refused(reply, self.variable)
        path = dest.with_suffix(".mp3")
        # It answered 200, and so it may be billed: never bought again by itself.
        duration_s = keep_sound(path, reply.body, attempted=attempted, unusable=UnknownOutcomeError, next_step=_USAGE)
        return Speech(path, duration_s, estimated_words(request.text, duration_s))


def connect(access: Access) -> OpenAISpeech:
    """Return OpenAI's voices, or the server that OPENAI_SPEECH_URL names, which never sees OpenAI's key."""
    own = access.variable(_OWN_URL)
    if own:
        return OpenAISpeech(api_key=access.variable(_OWN_KEY), base_url=own, variable=_OWN_KEY)
    return OpenAISpeech(api_key=access.secret(KEY.variable), base_url=access.url(BASE_URL, "/openai/v1"))


def _refused(reply: Reply, variable: str = KEY.variable) -> ProviderError:
    error = part_of(reply, "error")
    codes = [str(error[name]) for name in ("code", "type") if error.get(name)]
    is_broke = bool(NO_CREDIT.intersection(codes))
    is_refused = any((reply.status, code) in REFUSALS for code in codes)
    words = f"{codes[0] if codes else 'no code'}: {error.get('message') or reply.words}"
    step = BILLING if is_broke else NEXT_STEPS.get(reply.status, _USAGE if reply.has_side_effects else "")
    if reply.status == HTTPStatus.UNAUTHORIZED and variable != KEY.variable:
        step = f"Check {variable}, the key of your own server."
    if is_broke and is_refused:  # its status says 429, and no later try helps
        return PermanentError(attempted=reply.attempted, answer=words, code="out_of_credit", next_step=step)
    return reply.error(words, is_refused=is_refused, code=codes[0] if codes else None, next_step=step)


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Ask for each model; a server of one's own for its list."""
    client = connect(access)
    wanted = () if access.variable(_OWN_URL) else models
    return prove_models(client.http, f"{client.base_url}/models", wanted, partial(_refused, variable=client.variable))


VENDOR: Final = Vendor(
    name="openai_speech",
    label="OpenAI Speech",
    family="speech",
    account="openai",
    about="The voices of OpenAI until 2027-01-05, or of a server of your own that speaks its protocol.",
    connect=connect,
    settings=(
        KEY,
        Setting(
            _OWN_URL,
            "address, with /v1, of a server of your own that speaks OpenAI's speech protocol, used instead of OpenAI",
            secret=False,
            required=False,
            replaces=(KEY.variable,),
            asked=False,
        ),
        Setting(_OWN_KEY, "key of that server, where it wants one", required=False, asked=False),
    ),
    can=("narration", "estimated word timings"),
    prove=prove,
    where_to_look="platform.openai.com, Usage",
    first_day=(
        NO_CREDIT_YET,
        Proof(
            "",
            "OpenAI ends its speech models on 2027-01-06, and names no other for this endpoint",
            "Choose another voice before that, or set OPENAI_SPEECH_URL to a server of your own.",
        ),
    ),
    order=4,
    refusals=frozenset(map(str, NEXT_STEPS)),
    stand_in="dayreel.sandbox.openai_speech:mount",
)
