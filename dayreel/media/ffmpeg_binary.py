"""Where the ffmpeg executable is and what it can do. Running it belongs in `run`."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from dayreel.errors import MediaError

NEEDED_FILTERS = (
    *("adelay", "alimiter", "amix", "apad", "aresample", "atempo", "atrim", "ebur128", "sidechaincompress", "volume"),
    *("concat", "crop", "fps", "overlay", "pad", "scale", "setparams", "subtitles", "tonemap", "tpad", "zscale"),
    *("blackdetect", "bwdif", "freezedetect", "setsar"),
)
NEEDED_ENCODERS = ("aac", "flac", "libsvtav1", "libx264", "libx265")
HOW_TO_GET_ONE = (
    "Install the project's wheels again (imageio-ffmpeg brings an ffmpeg), or name a complete build of your own "
    "in DAYREEL_FFMPEG."
)
_ANSWER_WITHIN_S = 20.0


@dataclass(frozen=True)
class FfmpegFacts:
    """What one ffmpeg executable reports about itself; `missing_*` is empty when everything is there."""

    path: Path
    version: str
    missing_filters: tuple[str, ...]
    missing_encoders: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Return whether every filter and encoder that dayreel uses is present."""
        return not self.missing_filters and not self.missing_encoders


def find_ffmpeg(configured: str | None = None) -> Path:
    """Return the ffmpeg to use: the configured one if there is a setting, else the one of imageio-ffmpeg.

    Args:
        configured: a path, or a name looked up on PATH. A setting that leads nowhere is an error, never a
            reason to take another ffmpeg.

    Raises:
        MediaError: there is no executable; the message says how to get one.
    """
    if configured:
        path = shutil.which(configured)
        if path is None:
            raise MediaError(
                f"Looked for the configured ffmpeg {configured!r}; no executable file is there.",
                next_step="Correct the setting, or leave it empty to use the ffmpeg that comes as a wheel.",
            )
        return Path(path)
    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise MediaError(f"Looked for ffmpeg and found none: {error}", next_step=HOW_TO_GET_ONE) from error


def ffmpeg_facts(path: Path) -> FfmpegFacts:
    """Ask the executable at `path` for its version, filters and encoders.

    Raises:
        MediaError: it does not run or is not ffmpeg.
    """
    first_line = _ask(path, "-version").partition("\n")[0]
    version = re.match(r"ffmpeg version (\S+)", first_line)
    if version is None:
        raise MediaError(
            f"Asked {str(path)!r} for its version; it answered {first_line!r}, which is not ffmpeg.",
            next_step=HOW_TO_GET_ONE,
        )
    filters = _filters(path)
    encoders = set(re.findall(r"^ [A-Z.]{6} (\w+) ", _ask(path, "-encoders"), re.MULTILINE))
    return FfmpegFacts(
        path=path,
        version=version.group(1),
        missing_filters=tuple(name for name in NEEDED_FILTERS if name not in filters),
        missing_encoders=tuple(name for name in NEEDED_ENCODERS if name not in encoders),
    )


def has_filter(path: Path, name: str) -> bool:
    """Return whether an ffmpeg has a filter that only some work needs.

    Raises:
        MediaError: it does not run.
    """
    return name in _filters(path)


def _filters(path: Path) -> set[str]:
    return set(re.findall(r"^ [A-Z.]{2,3} +(\w+) ", _ask(path, "-filters"), re.MULTILINE))


def _ask(path: Path, question: str) -> str:
    try:
        answer = subprocess.run(
            [str(path), "-hide_banner", question] if question != "-version" else [str(path), question],
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise MediaError(
            f"Asked ffmpeg {str(path)!r} for {question}; it did not run: {error}.", next_step=HOW_TO_GET_ONE
        ) from error
    return answer.stdout
