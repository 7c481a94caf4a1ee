"""Voices on fal: queued, followed and looked up as its videos are, by the same client (`providers.video.fal`).

What each model calls its fields is its row in `models.yaml`. Word times are estimated: what fal says of the shape of
those that some models return is nothing (types of its JavaScript client, 2026-08-02).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from dayreel.clock import Clock
from dayreel.errors import ContentRefusedError, PermanentError, TransientError
from dayreel.providers.speech.contract import (
    LOOKS_UP,
    Speech,
    SpeechFailed,
    SpeechRequest,
    estimated_words,
)
from dayreel.providers.speech.sound import keep_sound
from dayreel.providers.video import fal
from dayreel.providers.video.contract import Job, Lookup
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import Voice
from dayreel.vendors.record import Proof, Vendor

_POLLS: Final = 130
"""With up to ten seconds between them about twenty minutes."""
_UNCHANGED: Final = "+0%"


class FalSpeech:
    """Voices on fal, such as `Rachel` of `fal-ai/elevenlabs/tts/eleven-v3`.

    Args:
        queue: fal's queue, for results with `audio`.
        models: what each model takes.
        clock: what is waited on between looks.
    """

    name = "fal_speech"

    def __init__(self, *, queue: fal.FalVideo, models: ModelList, clock: Clock) -> None:
        """Keep them; nothing is sent."""
        self._queue = queue
        self._models = models
        self._clock = clock

    def submit(self, permit: Permit, request: SpeechRequest) -> dict[str, Any]:
        """Submit once. See the contract for the errors."""
        attempted = f"speak {len(request.text)} characters of {permit.key.content_id} at fal ({request.model})"
        return self._queue.submit_input(str(request.model), self._input(request, attempted), attempted=attempted)

    def collect(self, handle: Mapping[str, Any], request: SpeechRequest, *, dest: Path) -> Speech:
        """Wait for a request and fetch its sound to `dest`. See the contract for the errors."""
        reference = str(handle["request_id"])
        attempted = f"speak {len(request.text)} characters at fal ({handle['model']})"
        retrying = Retrying(
            retry=retry_if_result(lambda job: job.state in ("queued", "running")),
            wait=wait_exponential(multiplier=0.5, max=10),
            stop=stop_after_attempt(_POLLS),
            sleep=self._clock.sleep,
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        job: Job = retrying(self._queue.follow, dict(handle))
        if job.state == "failed":
            error = ContentRefusedError if job.refuses_content else TransientError if job.may_repeat else PermanentError
            answer = job.error or "it failed and gave no reason"
            raise SpeechFailed(error(attempted=attempted, answer=answer, reference=reference, code=job.error_code))
        if job.file_url is None:
            step = f"`dayreel retry` keeps waiting for the same request; it is not bought again. {self._queue.console}"
            raise TransientError(
                attempted=attempted, answer=f"it is still {job.state}", reference=reference, next_step=step
            )
        fetched = dest.with_suffix(".fetched")
        try:
            self._queue.fetch(job.file_url, fetched)
            audio = fetched.read_bytes()
        finally:
            fetched.unlink(missing_ok=True)
        path = dest.with_suffix(".wav" if audio[:4] == b"RIFF" else ".mp3")
        # It can be fetched again, by its id: nothing is bought twice for a file that broke off.
        duration_s = keep_sound(path, audio, attempted=attempted, unusable=TransientError)
        return Speech(path, duration_s, estimated_words(request.text, duration_s))

    def find(self, key: EffectKey, request: SpeechRequest, *, sent_at: datetime) -> Lookup:
        """Look for a request with exactly our input since it was sent. See the contract."""
        wanted = self._input(request, f"look for a narration of {key.content_id} at fal")
        return self._queue.find_input(str(request.model), wanted, sent_at=sent_at)

    def _input(self, request: SpeechRequest, attempted: str) -> dict[str, Any]:
        """Return a request in the model's own fields.

        Raises:
            PermanentError: it has none for what is asked; nothing was sent.
        """
        row = self._models.find(self.name, str(request.model))
        fields = {str(name): field for name, field in row.fields.items()} if isinstance(row, Voice) else {}
        faults = (
            (not request.text.strip(), "there is no text to speak"),
            (not fields, f"nothing is known of what {request.model!r} takes"),
            (request.rate != _UNCHANGED and "speed" not in fields, "it has no speed of its own"),
        )
        for is_so, answer in faults:
            if is_so:
                step = (
                    "Correct `narration` in the channel file: docs/reference/models.md lists models and their fields."
                )
                raise PermanentError(attempted=attempted, answer=f"{answer}; nothing was sent", next_step=step)
        asked: dict[str, Any] = {"text": request.text, "voice": request.voice}
        if request.rate != _UNCHANGED:
            asked["speed"] = 1 + int(request.rate.removesuffix("%")) / 100
        body: dict[str, Any] = {}
        for name, value in asked.items():
            outer, _, inner = fields.get(name, name).partition(".")
            body[outer] = {**body.get(outer, {}), inner: value} if inner else value
        return body


def connect(access: Access) -> FalSpeech:
    """Return fal's voices as the world of `access` has them; needs FAL_KEY."""
    return FalSpeech(queue=fal.connect_queue(access, media="audio"), models=ModelList(access.root), clock=access.clock)


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Show fal the key."""
    return fal.prove(access, models)


VENDOR: Final = Vendor(
    name="fal_speech",
    label="fal Speech",
    family="speech",
    account="fal",
    about="Voices of ElevenLabs, MiniMax and Kling through the fal queue.",
    connect=connect,
    settings=(fal.KEY,),
    can=("narration", "estimated word timings", LOOKS_UP),
    prove=prove,
    where_to_look=fal.VENDOR.where_to_look,
    first_day=fal.VENDOR.first_day,
    order=5,
    refusals=fal.VENDOR.refusals,
    stand_in="dayreel.sandbox.fal:mount",
)
