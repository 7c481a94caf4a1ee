"""The one error tree. An error is typed where it is first understood and carries its verdict and the next step.

    DayreelError                    anything a person is shown in one sentence
    ├── UsageError                  the request itself is wrong (exit code 2); nothing was done
    ├── ConfigurationError          a file, a setting or a key is missing or wrong; nothing was done
    ├── StaleState                  somebody else changed it first; says who and to what
    ├── GateClosedError             a publish gate, a cap or the kill switch holds; names each one
    ├── BusyError                   another process holds this piece of work right now: waiting helps
    │   └── LeaseLostError          it had this piece of work and was silent for too long; another one has it now
    ├── MediaError                  ffmpeg or a media file: what was tried, on which file, what came back
    │   └── UnfinishedError         disk full, deadline passed, ended by a signal: the same work can succeed later
    ├── StoreError                  the catalog or an artifact store cannot be used
    │   └── DiskFullError           there is no room left; the same work can succeed once there is
    └── ProviderError               an outside service; has a `verdict`
        ├── TransientError          `retry`: certainly not delivered (or a read); trying again can help
        ├── PermanentError          `refuse`: the service said no; trying again unchanged cannot help
        │   └── ContentRefusedError it said no because of what was asked for: other words can help
        └── UnknownOutcomeError     `unknown`: it may have happened; look before doing anything again

The state manager's errors (`StateError` and below) live with it, because it is written to be used on its own.
"""

import re
from typing import ClassVar, Final, Literal

_CODE: Final = re.compile(r"[A-Za-z0-9_./:-]{1,64}")

ErrorVerdict = Literal["retry", "refuse", "unknown"]


class DayreelError(Exception):
    """Anything a person is shown in one sentence, with what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        """Return the sentence followed by the next step, which begins a line of its own after a list."""
        between = "\n" if "\n" in self.message else " "
        return f"{self.message}{between}{self.next_step}".strip()


class UsageError(DayreelError):
    """The request itself is wrong; nothing was done."""

    exit_code = 2


class ConfigurationError(DayreelError):
    """A file, a setting or a key is missing or wrong; nothing was done."""


class StaleState(DayreelError):  # noqa: N818  the plan calls it so
    """Somebody else changed it first; the message says who, when and to what."""


class GateClosedError(DayreelError):
    """A publish gate, a spending cap or the kill switch holds; the message names each one."""


class BusyError(DayreelError):
    """Another process holds this piece of work right now."""


class LeaseLostError(BusyError):
    """What this process held was taken over while it was silent; nothing more of it may be written from here."""


class MediaError(DayreelError):
    """A media file or ffmpeg: what was tried, on which file, what came back."""


class UnfinishedError(MediaError):
    """The work was cut short (disk full, deadline, a signal); nothing is wrong with its input.

    Args:
        is_for_want_of_room: the disk is full.
    """

    def __init__(self, message: str, *, next_step: str = "", is_for_want_of_room: bool = False) -> None:
        super().__init__(message, next_step=next_step)
        self.is_for_want_of_room = is_for_want_of_room


class StoreError(DayreelError):
    """The catalog or an artifact store cannot be used."""


class DiskFullError(StoreError):
    """There is no room left where something had to be written; nothing is wrong with the work itself."""


class ProviderError(DayreelError):
    """An outside service did not do what was asked.

    Args:
        attempted: what was tried, as a clause: "submit segment 2 to fal".
        answer: what came back, without secrets: an HTTP status and the vendor's own words.
        reference: the vendor's id of the request, where there is one.
        next_step: what a person should do.
        retry_after_s: how long to wait before another try can help, when the vendor said so.
        code: the vendor's own error code, for branching and for statistics.
    """

    verdict: ClassVar[ErrorVerdict]
    _retry_words: ClassVar[str]

    def __init__(
        self,
        *,
        attempted: str,
        answer: str,
        reference: str | None = None,
        next_step: str = "",
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        where = f" (id {reference!r})" if reference else ""
        super().__init__(
            f"Tried to {attempted}{where}; it answered: {answer.rstrip('. ')}. {self._retry_words}", next_step=next_step
        )
        self.attempted = attempted
        self.answer = answer
        self.reference = reference
        self.retry_after_s = retry_after_s
        # A vendor's code is a short word. Anything else may be an echo of what we sent.
        self.code = code if code is not None and _CODE.fullmatch(code) else None


class TransientError(ProviderError):
    """Certainly not delivered, or a read: trying again can help."""

    verdict = "retry"
    _retry_words = "Nothing happened there; trying again can help."


class PermanentError(ProviderError):
    """The service said no: trying again unchanged cannot help."""

    verdict = "refuse"
    _retry_words = "Trying again unchanged cannot help."


class ContentRefusedError(PermanentError):
    """The service will not make this, because of its content policy: other words, or another subject, can help."""

    _retry_words = "Trying again in the same words cannot help."


class UnknownOutcomeError(ProviderError):
    """The answer was lost: it may have happened, so nothing is sent again before somebody has looked."""

    verdict = "unknown"
    _retry_words = "It may have happened, so it is not sent again until it has been looked up."
