"""espeak-ng: a voice without network, as a separate program (it is under the GPL).

It reports no word times; they are estimated from the length of the words, which is good enough for captions.
"""

import os
import shutil
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from dayreel.atomic_write import atomic_write
from dayreel.errors import PermanentError, TransientError
from dayreel.providers.http import readable
from dayreel.providers.speech.contract import Speech, SpeechRequest, estimated_words
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Vendor

_NORMAL_WPM: Final = 175
_SLOWEST_WPM: Final = 80
_FASTEST_WPM: Final = 450
_KEPT: Final = ("PATH", "SYSTEMROOT", "ESPEAK_DATA_PATH")
INSTALL: Final = (
    "Install it: `apt-get install espeak-ng` (Debian, Ubuntu), `dnf install espeak-ng` (Fedora), "
    "`brew install espeak-ng` (macOS); or choose `narration.provider: edge` in the channel file."
)


class EspeakSpeech:
    """Voices of espeak-ng, such as `en-us` or `es`; 22 050 Hz mono WAV.

    Args:
        program: its name on the PATH, or a path.
        timeout_s: how long it may take, in seconds.
    """

    name = "espeak"

    def __init__(self, *, program: str = "espeak-ng", timeout_s: float = 60) -> None:
        """Keep the settings; whether the program is there is seen when it is needed."""
        self._program = program
        self._timeout_s = timeout_s

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        """Write the spoken text to `dest`, as `.wav`. See the contract for the errors."""
        text, voice, dest = request.text, request.voice, dest.with_suffix(".wav")
        attempted = f"speak {len(text)} characters with voice {voice!r} of espeak-ng"
        del permit  # it is free
        if not text.strip():
            raise PermanentError(attempted=attempted, answer="there is no text to speak")
        program = shutil.which(self._program)
        if program is None:
            raise PermanentError(
                attempted=attempted, answer=f"there is no program {self._program!r} here", next_step=INSTALL
            )
        with atomic_write(dest) as aside:
            command = [program, "-v", voice, "-s", str(words_per_minute(request.rate)), "-w", str(aside), "--stdin"]
            self._run(command, text, attempted)
            duration_s = _length_s(aside, attempted)
        return Speech(dest, duration_s, estimated_words(text, duration_s))

    def _run(self, command: list[str], text: str, attempted: str) -> None:
        # A clean environment: the program needs no key of ours, and its output must not depend on the locale.
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {"LC_ALL": "C.UTF-8"}
        try:
            done = subprocess.run(
                command,
                input=text.encode("utf-8"),
                capture_output=True,
                env=environment,
                timeout=self._timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TransientError(attempted=attempted, answer=f"nothing within {self._timeout_s:g} s") from None
        except OSError as error:
            raise PermanentError(
                attempted=attempted, answer=f"it cannot be started ({error.strerror})", next_step=INSTALL
            ) from None
        if done.returncode != 0:
            words = readable((done.stderr or done.stdout).decode("utf-8", "replace"))
            raise PermanentError(
                attempted=attempted,
                answer=f"exit code {done.returncode}, {words}",
                next_step="Choose a voice that `espeak-ng --voices` lists.",
            )


def connect(access: Access) -> EspeakSpeech:  # noqa: ARG001  every vendor's file has this function
    """Return espeak-ng; it is the same program in every world."""
    return EspeakSpeech()


def words_per_minute(rate: str) -> int:
    """Return the speed for a rate like `+10%`, within what the program takes."""
    wanted = round(_NORMAL_WPM * (1 + int(rate.rstrip("%")) / 100))
    return min(_FASTEST_WPM, max(_SLOWEST_WPM, wanted))


def _length_s(path: Path, attempted: str) -> float:
    try:
        with wave.open(str(path), "rb") as audio:
            duration_s = audio.getnframes() / audio.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise PermanentError(
            attempted=attempted, answer=f"a file that is not a WAV ({readable(str(error))})", next_step=INSTALL
        ) from None
    if duration_s == 0:
        raise PermanentError(attempted=attempted, answer="a file without sound")
    return duration_s


def prove(_access: Access, _models: Sequence[str]) -> Proof:
    """Look for the program."""
    path = shutil.which("espeak-ng")
    return Proof(f"at {path}") if path else Proof("", "there is no espeak-ng here", INSTALL)


VENDOR: Final = Vendor(
    name="espeak",
    label="espeak-ng",
    family="speech",
    free=True,
    about="espeak-ng, a program on this machine: robotic, offline, always there.",
    connect=connect,
    can=("narration", "estimated word timings", "offline"),
    prove=prove,
    order=2,
)
