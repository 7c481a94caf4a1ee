"""Reading and starting `library.yaml`, the plan in the shared folder. The shape: `footage.schemas.library`."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import ConfigurationError
from dayreel.footage.rules.paths import KIND_FOLDERS, QUEUE_ROOT, STAGE_ROOTS
from dayreel.footage.schemas.library import LibraryPlan
from dayreel.stores.yaml_problems import problem_of
from dayreel.yaml_documents import Unreadable, lines_of, parsed

PLAN_FILE = "library.yaml"
_FIRST_PLAN = """\
# The plan of this shared folder, the same for the controller and every worker.
# Every field: docs/reference/library-plan.md.
timezone: UTC
remux:
  languages: []          # of sound and subtitles, like [eng, fra]; empty keeps all
  subtitles: true
transcode:
  preset: h265           # h264, h265 or av1
  hdr: refuse            # refuse, keep (10 bit) or tonemap
  # hours: 22:00-06:00   # claimed only then, in `timezone`
remux_review: true       # ask a person before transcoding
naming_confirm: true     # ask a person before filing
remove_sources: []       # stages whose files go once a later copy was read back, like [rip]
"""


def load_plan(root: Path) -> LibraryPlan:
    """Read the plan of a shared folder.

    Raises:
        ConfigurationError: there is none, or it has problems; the message lists each with line and field.
    """
    path = root / PLAN_FILE
    if not path.is_file():
        raise ConfigurationError(
            f"There is no {PLAN_FILE} in {str(root)!r}, so it is not a shared folder of dayreel.",
            next_step="Mount it, or make it one with `dayreel library init`.",
        )
    lines: dict[tuple[Any, ...], tuple[str, int]] = {}
    try:
        node, document = parsed(path)
        lines.update({where: (path.name, line) for where, line in lines_of(node)})
        return LibraryPlan.model_validate(document)
    except Unreadable as error:
        problems = [error.problem]
    except ValidationError as error:
        problems = [problem_of(LibraryPlan, path.name, lines, fault) for fault in error.errors(include_url=False)]
    raise ConfigurationError(
        "\n".join([f"Read {str(path)!r}; it cannot be used:", *map(str, problems)]),
        next_step="Fix it, then try again; nothing was done.",
    )


def start_library(root: Path) -> bool:
    """Make a folder a shared folder: its first plan and the folders of every stage. What is there stays.

    Returns:
        False when it was one already.
    """
    is_new = not (root / PLAN_FILE).exists()
    for stage_root in STAGE_ROOTS.values():
        for kind in KIND_FOLDERS.values():
            (root / stage_root / kind).mkdir(parents=True, exist_ok=True)
    (root / QUEUE_ROOT).mkdir(parents=True, exist_ok=True)
    if is_new:
        atomic_write_text(root / PLAN_FILE, _FIRST_PLAN)
    return is_new
