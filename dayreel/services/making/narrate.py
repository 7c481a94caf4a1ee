"""Speaking the idea's narration to a file."""

from datetime import date

from dayreel.errors import UsageError
from dayreel.providers.speech.contract import SpeechProvider
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import NarrationTrack
from dayreel.services.making.open_content import open_content
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.making.write_prompts import require_idea
from dayreel.services.project import Project
from dayreel.services.retry_transient import retry_transient

CODE_VERSION = "1"


def narrate(project: Project, channel: Channel, day: date, *, speech: SpeechProvider) -> StageResult:
    """Speak the narration of a channel's day, or return the one it has.

    Raises:
        UsageError: there is no idea yet, or the channel does not speak.
        ProviderError: the voice cannot be had.
    """
    row = open_content(project, channel, day)
    idea = require_idea(project, row.id)
    voice = channel.narration
    if voice is None:
        raise UsageError(f"Channel {channel.name!r} does not speak.", next_step="Its `narration` is off.")
    work = Work(
        stage="narration",
        fingerprint=fingerprint(code=CODE_VERSION, text=idea.narration, voice=voice),
        provider=voice.provider,
    )

    def make() -> Product:
        dest = project.contents.folder(row.id) / "narration.mp3"
        spoken = retry_transient(
            project.clock, lambda: speech.speak(idea.narration, voice=voice.voice, rate=voice.rate, dest=dest)
        )
        track = NarrationTrack(
            file=project.contents.record(row.id, spoken.path),
            duration_s=round(spoken.duration_s, 3),
            provider=voice.provider,
            voice=voice.voice,
            words=spoken.words,
        )
        return Product({"narration": track}, parameters={"words": len(idea.narration.split())})

    return run_stage(project, row, work, make)
