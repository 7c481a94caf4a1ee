"""What each fal model takes, as data: adding a model is adding a row. How fal is spoken to is `fal`.

Field names and types as in fal's own JavaScript client (types of 2026-08-02); they differ from model to model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dayreel.providers.video.contract import SegmentRequest, VideoCapabilities

DurationForm = Literal["string", "integer", "with_s"]


@dataclass(frozen=True)
class FalModel:
    """One model's input.

    Attributes:
        can: what it can make.
        duration_form: how a duration is written: "5", 5 or "5s".
        takes_resolution: whether there is a field for it; where not, composition scales what comes.
        takes_seed: whether a run can be repeated, and does not look like another one with the same prompt.
        fixed: fields that are always sent, because the vendor's default is not ours or may change.
    """

    can: VideoCapabilities
    duration_form: DurationForm
    takes_resolution: bool = True
    takes_seed: bool = True
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, request: SegmentRequest, *, own_seed: int) -> dict[str, Any]:
        """Return the model's input for a request that `check_request` (in `request_check`) has let through.

        Args:
            own_seed: where nobody asked for one; by it the request is found again when its answer is lost.
        """
        written: Mapping[DurationForm, str | int] = {
            "string": str(request.duration_s),
            "integer": request.duration_s,
            "with_s": f"{request.duration_s}s",
        }
        arguments: dict[str, Any] = {
            "prompt": request.prompt,
            "aspect_ratio": request.aspect_ratio,
            "duration": written[self.duration_form],
            **self.fixed,
        }
        if self.takes_resolution:
            arguments["resolution"] = request.resolution
        if self.takes_seed:
            arguments["seed"] = own_seed if request.seed is None else request.seed
        return arguments


MODELS: Final[Mapping[str, FalModel]] = {
    "fal-ai/wan-25-preview/text-to-video": FalModel(
        can=VideoCapabilities((5, 10), ("480p", "720p", "1080p"), prompt_limit=1500, has_audio=True),
        duration_form="string",
    ),
    "fal-ai/wan/v2.7/text-to-video": FalModel(
        can=VideoCapabilities(tuple(range(2, 16)), ("720p", "1080p"), prompt_limit=5000, has_audio=True),
        duration_form="integer",
    ),
    "fal-ai/veo3.1": FalModel(
        # The types name no limit; the one of the vendor behind it is near this.
        can=VideoCapabilities((4, 6, 8), ("720p", "1080p"), prompt_limit=4000, has_audio=True),
        duration_form="with_s",
        fixed={"generate_audio": True},
    ),
    "fal-ai/kling-video/v2.5-turbo/pro/text-to-video": FalModel(
        can=VideoCapabilities((5, 10), ("720p", "1080p"), prompt_limit=2500, has_audio=False),
        duration_form="string",
        takes_resolution=False,
        takes_seed=False,
    ),
}
"""Model id to what it takes."""
