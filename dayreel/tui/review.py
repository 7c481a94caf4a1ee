"""The approval screen: one content with everything to judge it by, and the keys that decide.

A decision names what is on the screen. When that changes underneath (a new revision, another caption), the screen keeps
what the person was reading, says so, and shows the new one when asked to; a decision on the old one is refused.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from dayreel.errors import MediaError
from dayreel.queries.review import EVENTS, Verdict
from dayreel.services.reviewing.decide import decide
from dayreel.services.studio import Studio
from dayreel.tui.dialogs import AskLine, Confirm, EditCaption
from dayreel.tui.live import LiveScreen
from dayreel.tui.pictures import HalfBlocks, half_blocks
from dayreel.tui.review_view import Bound, Review, review, what_changed
from dayreel.tui.words import one_line, plain, size, usd

_VERDICT_OF: dict[str, Verdict] = {event: verdict for verdict, event in EVENTS.items()}
_MOST_ROWS = 16


class ReviewScreen(LiveScreen[Review]):
    """One content."""

    name_shown = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve"),
        Binding("r", "reject", "Reject"),
        Binding("e", "edit", "Edit"),
        Binding("h", "hold", "Hold"),
        Binding("c", "recall", "Recall"),
        Binding("o", "play", "Player"),
        Binding("p", "pictures", "Pictures"),
        Binding("u", "update", "Update"),
        Binding("escape", "app.pop_screen", "Back"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, content_id: str) -> None:
        """Show this content."""
        super().__init__()
        self.content_id = content_id
        self._newer: Review | None = None
        self._own_edit: Bound | None = None
        self._drawn: tuple[str | None, int] | None = None

    def body(self) -> ComposeResult:
        """Make the page, with the pictures at its end."""
        with VerticalScroll(id="page", can_focus=True):
            yield Static(id="told")
            yield HalfBlocks(id="pictures")

    def look(self, studio: Studio) -> Review:
        """Read the content."""
        return review(studio, self.content_id)

    def accept(self, view: Review) -> None:
        """Keep what the person is reading when what a decision is for has changed underneath."""
        if self.view is None or view.bound in (self.view.bound, self._own_edit):
            self._newer = None
            super().accept(view)
            return
        if view != self._newer:
            self._newer = view
            self.say(f"{view.content_id} has changed: {what_changed(self.view, view)}. Press u to see it.", bad=True)
            self.refresh_bindings()

    def show(self, view: Review) -> None:
        """Lay the page out."""
        self.query_one("#told", Static).update(Content("\n").join(_page(view)))
        self._draw(view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim the keys of what is not possible now."""
        del parameters
        if action in _VERDICT_OF:
            return True if self.view is not None and _VERDICT_OF[action] in self.view.possible else None
        if action == "update":
            return self._newer is not None
        return True

    # -- what the keys do

    def action_update(self) -> None:
        """Show what there is now."""
        if self._newer is not None:
            newer, self._newer = self._newer, None
            self.say("")
            super().accept(newer)

    def action_approve(self) -> None:
        """Ask, naming what the approval is for, then approve."""
        seen = self.view
        if seen is None:
            return
        platforms = ", ".join(one.platform for one in seen.captions) or "no platform"

        def go_on(yes: bool | None) -> None:
            if yes:
                self._decide(seen, "approved")

        question = f"Approve revision {seen.revision} of {seen.content_id}, with this caption, for {platforms}?"
        self.app.push_screen(Confirm(question), go_on)

    def action_reject(self) -> None:
        """Ask why, then reject."""
        seen = self.view
        if seen is None:
            return

        def go_on(reason: str | None) -> None:
            if reason:
                self._decide(seen, "rejected", note=reason)

        self.app.push_screen(AskLine(f"Reject revision {seen.revision} of {seen.content_id}. Why?"), go_on)

    def action_hold(self) -> None:
        """Ask what it waits for, then keep it from going out and from expiring."""
        seen = self.view
        if seen is None:
            return

        def go_on(reason: str | None) -> None:
            if reason:
                self._decide(seen, "held", note=reason)

        self.app.push_screen(AskLine(f"Hold {seen.content_id}: it neither goes out nor expires. Why?"), go_on)

    def action_recall(self) -> None:
        """Ask, then take an approval or a hold back."""
        seen = self.view
        if seen is None:
            return

        def go_on(yes: bool | None) -> None:
            if yes:
                self._decide(seen, "recalled")

        self.app.push_screen(Confirm(f"Recall {seen.content_id}? It waits for its review again."), go_on)

    def action_edit(self) -> None:
        """Let the person edit the caption, then record it."""
        seen = self.view
        if seen is None:
            return

        def go_on(caption: str | None) -> None:
            if caption is not None and caption.strip() != seen.bound.caption.strip():
                self._own_edit = replace(seen.bound, caption=caption.strip())
                self._decide(seen, "edited", caption=caption)

        self.app.push_screen(EditCaption(seen.bound.caption, seen.recipes), go_on)

    def action_play(self) -> None:
        """Open the final video in the desktop's player."""
        video = None if self.view is None else self.view.file("final video")
        if video is None:
            self.say(f"{self.content_id} has no final video here.", bad=True)
        else:
            self.act(lambda _studio: self.terminal.play(video), meanwhile=f"Opening {video.name} ...")

    def action_pictures(self) -> None:
        """Scroll to the contact sheet."""
        self.query_one("#page", VerticalScroll).scroll_end(animate=False)

    def _decide(self, seen: Review, verdict: Verdict, *, caption: str | None = None, note: str | None = None) -> None:
        person = self.terminal.link.person

        def record(studio: Studio) -> str:
            row = decide(
                studio,
                seen.content_id,
                verdict,
                by=person,
                via="tui",
                revision=seen.revision,
                seen=seen.seen,
                caption=caption,
                note=note,
            )
            more = " Another person has to approve it too." if row.verdict == "endorsed" else ""
            told = f"revision {row.revision} {row.verdict} by {plain(row.decided_by)}, decision {row.id}"
            return f"Recorded: {told}.{more}"

        self.act(record, meanwhile=f"Recording that revision {seen.revision} is {verdict} ...")

    # -- the contact sheet

    def on_resize(self) -> None:
        """Draw the pictures for the new width."""
        if self.view is not None:
            self._draw(self.view)

    def _draw(self, view: Review) -> None:
        sheet = view.file("contact sheet")
        wanted = (view.bound.video_sha256, self.size.width)
        if sheet is not None and self.terminal.has_colour and wanted != self._drawn:
            self._drawn = wanted
            self._draw_sheet(sheet, self.size.width - 4)

    @work(group="pictures", exclusive=True)
    async def _draw_sheet(self, sheet: Path, columns: int) -> None:
        try:
            rows = await asyncio.to_thread(half_blocks, sheet, columns=columns, most_rows=_MOST_ROWS)
        except MediaError as error:
            self.say(str(error), bad=True)
            return
        self.query_one("#pictures", HalfBlocks).draw(rows)


# -- the page ----------------------------------------------------------------------------------------------------


def _page(view: Review) -> Iterator[Content]:
    yield Content.assemble((f"{view.content_id}  {view.title}", "bold"))
    waits = f", {view.deadline}" if view.deadline else ""
    yield Content(f"revision {view.revision}, {view.state}{waits}, made in the {view.world} world")
    if view.history:
        yield Content.styled(f"last decision  {_said(view, 0)}", "$accent")
    for trouble in (
        view.error,
        view.problem,
        "Some of its acts have an unknown outcome: Esc, then 3." if view.unknown else "",
    ):
        if trouble:
            yield Content.styled(trouble, "$error")
    yield from _section("idea", [view.idea or "none yet"])
    for caption in view.captions:
        yield from _section(
            f"{caption.platform}  {caption.length}", [one for one in (caption.problem, caption.text) if one]
        )
        if caption.title is not None:
            yield Content(f"  title: {caption.title}")
        if caption.dropped:
            yield Content.styled(f"  left out, it does not fit: {' '.join(caption.dropped)}", "$warning")
    if not view.captions:
        yield from _section("caption", [plain(view.bound.caption) or "none yet"])
    yield from _checks(view)
    total = sum((cost for _layer, cost in view.costs), start=Decimal(0))
    yield from _section(f"costs  {usd(total)}" if view.costs else "costs", [_costs(view)])
    yield from _section("files", [f"{one.what:14} {_told(one.size_bytes):>9}  {one.path.name}" for one in view.files])
    if len(view.history) > 1:
        yield from _section("decisions before", [_said(view, number) for number in range(1, len(view.history))])
    if view.next_step:
        yield Content.styled(f"\nat a prompt: {view.next_step}", "dim")


def _section(title: str, lines: list[str]) -> Iterator[Content]:
    yield Content("")
    yield Content.styled(title, "bold $accent")
    for line in lines:
        yield Content("\n".join(f"  {part}" for part in line.split("\n")))


def _checks(view: Review) -> Iterator[Content]:
    failed = [one for one in view.checks if not one.passed]
    told = f"checks  {len(view.checks) - len(failed)} of {len(view.checks)} passed"
    yield from _section(told if view.checks else "checks  none yet", [])
    for one in (*failed, *(one for one in view.checks if one.passed)):
        mark, style = ("ok  ", "") if one.passed else ("FAIL", "bold $error")
        yield Content.assemble("  ", (mark, style), f" {one.name}: {one.told}")


def _costs(view: Review) -> str:
    return ", ".join(f"{layer} {usd(cost)}" for layer, cost in view.costs) or "nothing"


def _told(size_bytes: int | None) -> str:
    return "missing" if size_bytes is None else size(size_bytes)


def _said(view: Review, number: int) -> str:
    said = view.history[number]
    note = f": {one_line(said.note)}" if said.note else ""
    return f"{said.at:%Y-%m-%d %H:%M}  r{said.revision} {said.verdict} by {said.by} via {said.via}{note}"
