"""What every voice offers: text to an audio file with word times."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from dayreel.errors import PermanentError, TransientError
from dayreel.providers.video.contract import Lookup
from dayreel.schemas.content import SpokenWord
from dayreel.schemas.effect import EffectKey, Permit

LOOKS_UP: Final = "looks up lost narrations"
"""What the record of a `LookedUpSpeech` says that it can."""


@dataclass(frozen=True)
class SpeechRequest:
    """What is to be spoken.

    Attributes:
        voice: as its vendor calls it.
        rate: faster or slower than the voice's own speed, like `+10%`.
        model: what speaks, of vendors whose voices are spoken by several models.
    """

    text: str
    voice: str
    rate: str = "+0%"
    model: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is written down of it; the model only where there is one."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Speech:
    """A spoken text on disk."""

    path: Path
    duration_s: float
    words: tuple[SpokenWord, ...]


class SpeechProvider(Protocol):
    """A voice."""

    name: str

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        """Write the spoken text to `dest` with the suffix of what it is (`.mp3`, `.wav`), whole or not at all.

        Raises:
            TransientError: certainly nothing was billed, and another try may help.
            UnknownOutcomeError: it may have been billed; of a voice that is not free.
            PermanentError: unknown voice, empty text, missing program.
        """
        ...


@runtime_checkable
class LookedUpSpeech(SpeechProvider, Protocol):
    """A voice whose vendor keeps what it has spoken, so that a narration whose answer was lost can be fetched."""

    def find(self, key: EffectKey, request: SpeechRequest, *, sent_at: datetime) -> Lookup:
        """Look for a narration with exactly this request; a free read.

        Raises:
            TransientError, PermanentError: it could not be looked for.
        """
        ...

    def collect(self, handle: Mapping[str, Any], request: SpeechRequest, *, dest: Path) -> Speech:
        """Fetch what was found to `dest`, as `speak` writes it; a free read.

        Raises:
            TransientError: it could not be fetched now.
            PermanentError: it is gone.
        """
        ...


@runtime_checkable
class QueuedSpeech(Protocol):
    """A voice that takes a request and speaks later; it also looks up (`find`) and fetches (`collect`)."""

    name: str

    def submit(self, permit: Permit, request: SpeechRequest) -> dict[str, Any]:
        """Submit once and return the handle of it; raises as `speak` does."""
        ...

    def find(self, key: EffectKey, request: SpeechRequest, *, sent_at: datetime) -> Lookup:
        """See `LookedUpSpeech`."""
        ...

    def collect(self, handle: Mapping[str, Any], request: SpeechRequest, *, dest: Path) -> Speech:
        """Wait for a request and fetch what was spoken, as `LookedUpSpeech`.

        Raises:
            SpeechFailed: its vendor could not speak it, and bills nothing; its handle is of no use any more.
        """
        ...


class SpeechFailed(Exception):  # noqa: N818  `services.making.narrate` raises what is in it
    """A vendor's own word that a request it took has failed, unbilled."""

    def __init__(self, error: TransientError | PermanentError) -> None:
        """Keep what to raise."""
        super().__init__(str(error))
        self.error = error


def estimated_words(text: str, duration_s: float) -> tuple[SpokenWord, ...]:
    """Spread the words over the duration by their length; a word takes as long as its letters and a pause.

    For voices that give no times: good enough for captions.
    """
    words = text.split()
    total = sum(len(word) + 1 for word in words)
    spoken, at = [], 0
    for word in words:
        after = at + len(word) + 1
        start_s, end_s = (round(duration_s * share / total, 3) for share in (at, after))
        spoken.append(SpokenWord(text=word, start_s=start_s, end_s=end_s))
        at = after
    return tuple(spoken)
