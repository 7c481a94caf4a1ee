"""Acme's voice: text to a WAV file; words are timed by their length."""

import wave
from pathlib import Path

from dayreel.errors import PermanentError
from dayreel.providers.speech.contract import Speech, SpeechRequest, estimated_words
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Vendor
from dayreel_acme.api import KEY, Acme


class AcmeVoice:
    """A voice."""

    name = "acme_voice"

    def __init__(self, api: Acme) -> None:
        """Take Acme's API."""
        self._api = api

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        """Write the spoken text to `dest`, as `.wav`. See the contract for the errors."""
        del permit  # it is free
        dest = dest.with_suffix(".wav")
        attempted = f"speak {len(request.text)} characters with Acme's voice {request.voice!r}"
        json = {"text": request.text, "voice": request.voice, "rate": request.rate}
        reply = self._api.call("POST", "/speech", attempted=attempted, has_side_effects=False, json=json)
        aside = dest.with_name(dest.name + ".part")
        aside.write_bytes(reply.body)
        try:
            with wave.open(str(aside), "rb") as audio:
                duration_s = audio.getnframes() / audio.getframerate()
        except (wave.Error, EOFError):
            aside.unlink()
            raise PermanentError(attempted=attempted, answer="a file that is not a WAV") from None
        aside.replace(dest)
        return Speech(dest, duration_s, estimated_words(request.text, duration_s))


def connect(access: Access) -> AcmeVoice:
    """Return the voice of this world; needs ACME_KEY."""
    return AcmeVoice(Acme(access))


VENDOR = Vendor(
    name="acme_voice",
    label="Acme Voice",
    family="speech",
    free=True,
    about="The voices of Acme.",
    connect=connect,
    settings=(KEY,),
    can=("narration", "estimated word timings"),
    stand_in="dayreel_acme.stand_in:speech",
)
