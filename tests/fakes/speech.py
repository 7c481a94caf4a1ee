"""A voice that writes a few bytes and remembers what it said."""

from collections.abc import Iterable
from pathlib import Path

from dayreel.providers.speech.contract import Speech, SpeechRequest
from dayreel.schemas.content import SpokenWord
from dayreel.schemas.effect import Permit


class FakeSpeech:
    """Follows `SpeechProvider`; `raises` come first, one per call."""

    def __init__(self, raises: Iterable[Exception] = (), *, name: str = "edge", suffix: str = ".mp3") -> None:
        self.name = name
        self.suffix = suffix
        self.spoken: list[str] = []
        self.permits: list[Permit] = []
        self._raises = list(raises)

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        text, dest = request.text, dest.with_suffix(self.suffix)
        self.spoken.append(text)
        self.permits.append(permit)
        if self._raises:
            raise self._raises.pop(0)
        dest.write_bytes(f"{request.voice} {request.rate} {text}".encode())
        words = tuple(SpokenWord(text=word, start_s=n, end_s=n + 0.5) for n, word in enumerate(text.split()))
        return Speech(dest, float(len(words)), words)
