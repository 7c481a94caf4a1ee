"""What every voice offers: text to an audio file with word times."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dayreel.schemas.content import SpokenWord
from dayreel.schemas.effect import Permit


@dataclass(frozen=True)
class Speech:
    """A spoken text on disk."""

    path: Path
    duration_s: float
    words: tuple[SpokenWord, ...]


class SpeechProvider(Protocol):
    """A voice."""

    name: str

    def speak(self, permit: Permit, text: str, *, voice: str, rate: str, dest: Path) -> Speech:
        """Write the spoken text to `dest` (suffix as the vendor has it), whole or not at all.

        Raises:
            TransientError: certainly nothing was billed, and another try may help.
            UnknownOutcomeError: it may have been billed; of a voice that is not free.
            PermanentError: unknown voice, empty text, missing program.
        """
        ...
