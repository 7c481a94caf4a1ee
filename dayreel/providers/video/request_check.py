"""What a model cannot make is refused here, before any money is reserved. What it can make is each vendor's data."""

from dayreel.errors import ConfigurationError
from dayreel.providers.video.contract import SegmentRequest, VideoCapabilities


def check_request(request: SegmentRequest, can: VideoCapabilities, *, vendor: str) -> None:
    """Refuse what a model cannot make.

    Raises:
        ConfigurationError: names the field, what it is and what is allowed.
    """
    problems = []
    if request.duration_s not in can.durations_s:
        allowed = ", ".join(str(seconds) for seconds in can.durations_s)
        problems.append(f"segments.duration_s is {request.duration_s}, allowed: {allowed}")
    if request.resolution not in can.resolutions:
        problems.append(f"segments.resolution is {request.resolution!r}, allowed: {', '.join(can.resolutions)}")
    if request.aspect_ratio not in ("9:16", "16:9", "1:1"):
        problems.append(f"aspect_ratio is {request.aspect_ratio!r}, allowed: 9:16")
    length = len(request.prompt)
    if not request.prompt.strip() or length > can.prompt_limit:
        problems.append(f"the prompt has {length} characters, allowed: 1 to {can.prompt_limit}")
    if problems:
        raise ConfigurationError(
            f"{vendor} model {request.model!r} cannot make this segment: {'; '.join(problems)}. Nothing was sent.",
            next_step="Change the channel file, or choose another model.",
        )
