"""The outbox: a folder with video, caption and a checklist, for accounts that a person posts to by hand.

A platform like the others, without a network: the folder is written aside and renamed, so that under its name lies all
of it or nothing, and posting it again finds it. It has no counters.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, Final

from pydantic import Field

from dayreel.atomic_write import full_disk_reported
from dayreel.clock import Clock
from dayreel.errors import PermanentError, UsageError
from dayreel.providers.platforms.approved import approved_file, read_fields, sent_caption
from dayreel.providers.platforms.contract import (
    Counters,
    PlannedCall,
    PostFinding,
    PostRequest,
    Quota,
    Receipt,
)
from dayreel.rules.captions import carries_marker
from dayreel.schemas.effect import Permit, RecordHandle
from dayreel.schemas.posts import PlatformAccount, PostFields
from dayreel.vendors.access import Access
from dayreel.vendors.models import Source
from dayreel.vendors.record import CaptionRules, Platform, Vendor

MARKER_FILE = ".dayreel.json"
_BLOCK_BYTES = 1024 * 1024


class OutboxPost(PostFields):
    """A folder with video, caption and a checklist, for accounts posted by hand."""

    ai_disclosure: bool = Field(default=False, description="the checklist asks for the label")
    folder: str = Field("outbox", description="where the folders go, relative to the project root")


class OutboxPlatform:
    """One folder that holds one folder per content."""

    name = "outbox"
    counters_per_call = 1

    def __init__(self, *, folder: Path, clock: Clock) -> None:
        """Keep the folder; it is made with the first post."""
        self._folder = folder
        self._clock = clock

    def account(self) -> str:
        """Return the folder's path."""
        return str(self._folder)

    def read_account(self) -> PlatformAccount:
        """Return the outbox: a person chooses the account, and a project that is moved keeps its approvals."""
        return PlatformAccount(self.name, self.account())

    def plan(self, request: PostRequest) -> list[PlannedCall]:
        """Return what would be written.

        Raises:
            UsageError: the caption does not fit, or the content id is not a folder name.
        """
        files = [_video_name(request), *self._texts(request)]
        return [
            PlannedCall("WRITE", str(self._place(request)), {"files": sorted(files)}, "nothing leaves this machine")
        ]

    def quota(self) -> Quota | None:
        """Return None: a folder has no quota."""
        return None

    def post(self, permit: Permit, request: PostRequest, *, handle: dict[str, Any], record: RecordHandle) -> Receipt:
        """Write the folder once, see `PlatformProvider.post`.

        Raises:
            PermanentError: the folder is there with another video or caption.
            StoreError: no room; nothing lies under the folder's name.
        """
        del permit  # asking for it is the point: nobody posts without one
        texts, place = self._texts(request), self._place(request)
        if place.exists():
            return self._receipt_of_same(request, place)
        record({**handle, "folder": place.name})
        # A fixed name, so that what a killed process left is cleared away instead of piling up.
        aside = place.with_name(f".{place.name}.part")
        shutil.rmtree(aside, ignore_errors=True)
        try:
            with full_disk_reported(place):
                _write(aside, request, texts)
                aside.rename(place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return _receipt(place)

    def look_up(self, request: PostRequest, handle: dict[str, Any], *, sent_at: datetime) -> PostFinding:
        """Look whether the folder is there, see `PlatformProvider.look_up`."""
        del handle, sent_at
        place = self._place(request)
        if not place.exists():
            return PostFinding("absent", f"There is no folder {str(place)!r}.")
        known = _read_marker(place)
        if known == self._facts(request):
            return PostFinding("live", f"The folder {str(place)!r} holds this video.", _receipt(place))
        return PostFinding("unclear", f"The folder {str(place)!r} holds something else: {known or 'no marker file'}.")

    def counters(self, post_ids: Sequence[str]) -> list[Counters]:
        """Return nothing: a folder is not watched by anybody."""
        del post_ids
        return []

    def _place(self, request: PostRequest) -> Path:
        name = request.content_id
        if Path(name).name != name or name.startswith("."):
            raise UsageError(f"{name!r} is not a content id that could be a folder's name.")
        return self._folder / name

    def _texts(self, request: PostRequest) -> dict[str, str]:
        fields = read_fields(OutboxPost, request)
        caption = sent_caption("outbox", request, fields)
        facts = {**self._facts(request), "written_at": self._clock.now().isoformat()}
        return {
            "caption.txt": caption.text + "\n",
            "checklist.md": _checklist(request, fields),
            MARKER_FILE: json.dumps(facts, indent=2) + "\n",
        }

    def _facts(self, request: PostRequest) -> dict[str, str]:
        fields = read_fields(OutboxPost, request)
        caption = sent_caption("outbox", request, fields)
        return {
            "content_id": request.content_id,
            "video_sha256": request.video_sha256,
            "caption_sha256": hashlib.sha256(caption.text.encode()).hexdigest(),
            "marker": request.marker,
        }

    def _receipt_of_same(self, request: PostRequest, place: Path) -> Receipt:
        if _read_marker(place) == self._facts(request):
            return _receipt(place)
        raise PermanentError(
            attempted=f"write the outbox folder {str(place)!r}",
            answer="a folder of that name is there, with another video or caption",
            reference=place.name,
            next_step="Move that folder away if it is not needed, and retry.",
        )


def _video_name(request: PostRequest) -> str:
    return f"{request.content_id}{request.video.suffix or '.mp4'}"


def _receipt(place: Path) -> Receipt:
    return Receipt("posted", place.name, place.resolve().as_uri(), {"folder": str(place)})


def _read_marker(place: Path) -> dict[str, str] | None:
    try:
        known = json.loads((place / MARKER_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not isinstance(known, dict):
        return None
    known.pop("written_at", None)
    return known


def _write(aside: Path, request: PostRequest, texts: dict[str, str]) -> None:
    aside.mkdir(parents=True)
    with approved_file(request) as source, (aside / _video_name(request)).open("wb") as copy:
        source.seek(0)
        shutil.copyfileobj(source, copy, _BLOCK_BYTES)
        _settle(copy)
    for name, text in texts.items():
        with (aside / name).open("wb") as file:
            file.write(text.encode())
            _settle(file)


def _settle(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _checklist(request: PostRequest, fields: OutboxPost) -> str:
    marker = f"Leave `{request.marker}` in the caption: by it dayreel and you find the post again."
    label = "Switch the platform's AI label ON: this video was made with AI." if fields.ai_disclosure else None
    steps = [
        f"Open `{_video_name(request)}` ({request.duration_s:g} s) and watch it once to the end.",
        "Upload it, and paste `caption.txt` as the caption (YouTube: title from its first line).",
        label,
        marker if carries_marker(request.caption, request.marker) else None,
        "Check privacy, comments and the paid-partnership switch before you press publish.",
        "Write the post's address down here: ",
    ]
    lines = "\n".join(f"- [ ] {step}" for step in steps if step)
    return f"# {request.title or request.content_id}\n\nTo be posted by hand.\n\n{lines}\n"


def connect(access: Access) -> OutboxPlatform:
    """Return the outbox below the project root."""
    return OutboxPlatform(folder=access.root / "outbox", clock=access.clock)


VENDOR: Final = Vendor(
    name="outbox",
    family="platforms",
    about="A folder with video, caption and a checklist, for accounts that are posted by hand.",
    connect=connect,
    can=("a folder to post from by hand",),
    order=4,
    platform=Platform(
        fields=OutboxPost,
        # Posted by hand, anywhere: so it has to fit the narrowest of the others.
        captions=CaptionRules(
            limit=2200,
            unit="utf16",
            hashtag_limit=30,
            mention_limit=20,
            source=Source(source="the narrowest of the other platforms", checked_on=date(2026, 11, 20)),
        ),
        by_hand=True,
    ),
)
