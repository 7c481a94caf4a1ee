"""Keeping what a voice has answered as a file, once it is sure that it can be heard to its end."""

from pathlib import Path

from dayreel.atomic_write import atomic_write
from dayreel.errors import ProviderError


def keep_sound(
    dest: Path, audio: bytes, *, attempted: str, unusable: type[ProviderError], next_step: str = ""
) -> float:
    """Write sound to `dest`, whole or not at all, and return its length in seconds.

    Args:
        unusable: what is raised where it cannot be decoded, or nothing is in it.

    Raises:
        ProviderError: `unusable`; the file that was there before stays.
    """
    import av  # noqa: PLC0415  a fifth of a second of import

    answer = "a file without sound"
    with atomic_write(dest) as aside:
        aside.write_bytes(audio)
        try:
            with av.open(str(aside)) as container:
                sound = container.streams.audio[0]
                duration_s = sum(frame.samples for frame in container.decode(sound)) / sound.rate
        except (av.error.FFmpegError, IndexError, UnicodeDecodeError) as error:
            duration_s, answer = 0.0, f"no sound that can be read ({type(error).__name__})"
        if duration_s == 0:
            raise unusable(attempted=attempted, answer=answer, next_step=next_step)
    return float(duration_s)
