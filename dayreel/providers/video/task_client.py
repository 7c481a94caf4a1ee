"""What the clients of generation services have in common: a task per segment, followed by the vendor's id of it.

What a vendor answers, and what that proves, is in its own file; what a model takes is its row (`model_input`).
"""

import hashlib
from pathlib import Path
from typing import Any, Literal

from dayreel.errors import PermanentError, UnknownOutcomeError
from dayreel.providers.http import Http
from dayreel.providers.video.contract import SegmentRequest
from dayreel.providers.video.model_input import check_request, vendor_arguments
from dayreel.schemas.effect import EffectKey, Permit
from dayreel.vendors.model_list import ModelList

Meaning = Literal["retry", "refuse", "content", "doubt"]
"""What a vendor's code means: the same may work later, or never, or in other words; or nobody knows what was done."""


class TaskClient:
    """The half of a `VideoGenerator` that is the same for every service.

    Args:
        models: what each model takes.
        root: what the paths of pictures are relative to.
    """

    name: str
    console: str
    """What a person does where no program can look: the next step of what is in doubt."""

    def __init__(self, *, models: ModelList, root: Path = Path()) -> None:
        """Keep the settings; nothing is sent."""
        self._models = models
        self._root = root

    @property
    def _http(self) -> Http:
        """What is sent with: the vendor's own."""
        raise NotImplementedError

    def check(self, request: SegmentRequest) -> None:
        """Refuse what the model cannot make. See the contract for the errors."""
        check_request(request, self._models.video(self.name, request.model))

    def fetch(self, url: str, dest: Path) -> None:
        """Download the finished file, without the key. See the contract for the errors."""
        self._http.download(url, dest, attempted=f"fetch a segment from {self.name} to {dest.name!r}")

    def cancel(self, handle: dict[str, Any]) -> bool:  # noqa: ARG002  the contract's
        """Return False: unless a vendor says otherwise, a task cannot be stopped; it will finish and be billed."""
        return False

    def _arguments(self, request: SegmentRequest, *, own_seed: int | None = None) -> dict[str, Any]:
        model = self._models.video(self.name, request.model)
        return vendor_arguments(request, model, root=self._root, own_seed=own_seed)

    def _submitting(self, permit: Permit, request: SegmentRequest) -> str:
        return f"submit segment {permit.key.sequence} of {permit.key.content_id} to {self.name} ({request.model})"

    def _id_of(self, value: object, *, attempted: str, answer: str, reference: str | None = None) -> str:
        """Return the id that a submit was answered with.

        Raises:
            UnknownOutcomeError: there is none; it may run and be billed all the same.
        """
        if isinstance(value, str) and value:
            return value
        raise UnknownOutcomeError(
            attempted=attempted, answer=f"no id: {answer}", reference=reference, next_step=self.console
        )

    def _made_nothing(self, attempted: str, reference: str) -> PermanentError:
        # It was made, and so it is billed: nothing that may be bought again automatically.
        return PermanentError(
            attempted=attempted,
            answer="it is done, without a video",
            reference=reference,
            next_step=self.console,
            code="no_media_generated",
        )


def own_digest(key: EffectKey) -> bytes:
    """Return what stands for an effect in its request (a seed, an id of our own): the same effect has the same one.

    So a submit whose answer was lost can be looked up by what was known before it was sent.
    """
    return hashlib.sha256(f"{key.content_id}/{key.sequence}/{key.fingerprint}".encode()).digest()
