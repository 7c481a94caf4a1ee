"""The approval screen: one content with everything to judge it by, and the keys that decide.

A decision names what is on the screen. When that changes underneath (a new revision, another caption), the screen keeps
what the person was reading, says so, and shows the new one when asked to; a decision on the old one is refused.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from dayreel.errors import MediaError
from dayreel.queries.review import EVENTS, ContentReview, DecisionVerdict, HistoryEntry, PlatformWords, review_of
from dayreel.rules.approval import ApprovalScope
from dayreel.rules.pricing import usd
from dayreel.services.making.open_content import open_new_take
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.post_settings import parse_settings
from dayreel.services.reviewing.waive import waive_check
from dayreel.services.upkeep.start_work import continuing_of, making_of
from dayreel.tui.dialogs import AskLine, Confirm, EditCaption, length_of
from dayreel.tui.live import LiveScreen
from dayreel.tui.pictures import HalfBlocks, half_blocks
from dayreel.tui.words import left, one_line, plain, size

_VERDICT_OF: dict[str, DecisionVerdict] = {event: verdict for verdict, event in EVENTS.items()}
_MOST_ROWS = 16
_DECISIONS_SHOWN = 10

# What an approval of a page is for: its revision, and what would go out. When it changes, the page is out of date.
Scope = tuple[int, ApprovalScope | None]


class ReviewScreen(LiveScreen[ContentReview]):
    """One content."""

    name_shown = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve"),
        Binding("r", "reject", "Reject"),
        Binding("e", "edit", "Edit"),
        Binding("s", "settings", "Set"),
        Binding("w", "waive", "Waive"),
        Binding("h", "hold", "Hold"),
        Binding("c", "recall", "Recall"),
        Binding("t", "retry", "Try again"),
        Binding("n", "retake", "New take"),
        Binding("o", "play", "Play"),
        Binding("p", "pictures", "Sheet"),
        Binding("u", "update", "Update"),
        Binding("escape", "app.pop_screen", "Back"),
        Binding("q", "app.quit", "Quit", show=False),
    ]

    def __init__(self, content_id: str) -> None:
        super().__init__()
        self.content_id = content_id
        self._newer: ContentReview | None = None
        self._own_edit: Scope | int | None = None  # what it is then, or the version of the row that it changes
        self._drawn: tuple[str | None, int] | None = None

    def body(self) -> ComposeResult:
        """Make the page, with the pictures at its end."""
        with VerticalScroll(id="page", can_focus=True):
            yield Static(id="detail")
            yield HalfBlocks(id="pictures")

    def look(self, project: Project) -> ContentReview:
        """Read the content."""
        return review_of(project, self.content_id)

    def accept(self, view: ContentReview) -> None:
        """Keep what the person is reading when what a decision is for has changed underneath."""
        is_own = self.view is not None and self.view.row.version == self._own_edit == view.row.version - 1
        if self.view is None or is_own or scope_of(view) in (scope_of(self.view), self._own_edit):
            self._newer = None
            super().accept(view)
            return
        if view != self._newer:
            self._newer = view
            self.say(f"{self.content_id} has changed: {what_changed(self.view, view)}. Press u to see it.", bad=True)
            self.refresh_bindings()

    def show(self, view: ContentReview) -> None:
        """Lay the page out."""
        self.query_one("#detail", Static).update(Content("\n").join(_page(view)))
        self._draw(view)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Dim the keys of what is not possible now."""
        del parameters
        if action in _VERDICT_OF or action == "settings":
            event = "edit" if action == "settings" else action
            return True if self.view is not None and event in self.view.possible else None
        if action == "waive":
            return self.view is not None and bool(self.view.failed_checks)
        if action == "update":
            return self._newer is not None
        if action == "retry":
            return self.view is not None and self.view.status.can_continue
        if action == "retake":
            return self.view is not None and self.view.can_retake
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
        platforms = ", ".join(words.platform for words in seen.words) or "no platform"

        question = f"Approve revision {seen.row.revision} of {seen.row.id}, with this caption, for {platforms}?"
        self.ask(Confirm(question), lambda _yes: self._decide(seen, "approved"))

    def action_reject(self) -> None:
        """Ask why, then reject."""
        seen = self.view
        if seen is None:
            return

        self.ask(
            AskLine(f"Reject revision {seen.row.revision} of {seen.row.id}. Why?"),
            lambda reason: self._decide(seen, "rejected", note=reason),
        )

    def action_hold(self) -> None:
        """Ask what it waits for, then keep it from going out and from expiring."""
        seen = self.view
        if seen is None:
            return

        self.ask(
            AskLine(f"Hold {seen.row.id}: it neither goes out nor expires. Why?"),
            lambda reason: self._decide(seen, "held", note=reason),
        )

    def action_waive(self) -> None:
        """Ask why the first failed check does not matter, then waive it."""
        seen = self.view
        if seen is None or not seen.failed_checks:
            return
        check = seen.failed_checks[0]
        person = self.terminal.link.person

        def record(project: Project, reason: str) -> str:
            revision = seen.row.revision
            waive_check(project, seen.row.id, check.name, by=person, via="tui", reason=reason, revision=revision)
            return f"Recorded: {check.name} waived by {plain(person)}."

        question = f"Check {check.name} of {seen.row.id} failed. {check.result.message} Why does it not matter?"
        self.ask(
            AskLine(question),
            lambda reason: self.act(
                lambda project: record(project, reason), meanwhile=f"Recording that {check.name} is waived ..."
            ),
        )

    def action_recall(self) -> None:
        """Ask, then take an approval or a hold back."""
        seen = self.view
        if seen is None:
            return

        self.ask(
            Confirm(f"Recall {seen.row.id}? It waits for its review again."),
            lambda _yes: self._decide(seen, "recalled"),
        )

    def action_retry(self) -> None:
        """Ask, then have a content that stopped go on."""
        seen = self.view
        if seen is None:
            return
        person = self.terminal.link.person

        def begin(project: Project) -> str:
            self.terminal.start(project, continuing_of(seen.row.id), person)
            return f"{seen.row.id} goes on from where it stopped."

        self.ask(
            Confirm(f"Try {seen.row.id} again? What is done and paid is kept."),
            lambda _yes: self.act(begin, meanwhile=f"Starting {seen.row.id} again ..."),
        )

    def action_retake(self) -> None:
        """Ask, naming the price, then have another take of the day made."""
        seen = self.view
        if seen is None or not seen.can_retake:
            return
        person = self.terminal.link.person

        def begin(project: Project) -> str:
            row = open_new_take(project, seen.row)
            self.terminal.start(project, making_of(row.channel, row.day), person)
            return f"{row.id} is being made; its segments are on screen 2."

        price = f"about {usd(seen.take_usd)}" if seen.take_usd is not None else "a price that is not known"
        self.ask(
            Confirm(f"Make another take of {seen.title}, {seen.row.day}, for {price}?"),
            lambda _yes: self.act(begin, meanwhile=f"Beginning another take of {seen.row.day} ..."),
        )

    def action_edit(self) -> None:
        """Let the person edit the caption, then record it."""
        seen = self.view
        if seen is None:
            return

        def record(caption: str) -> None:
            if caption.strip() != (seen.row.caption or "").strip():
                self._own_edit = (seen.row.revision, seen.bound_with(caption.strip()))
                self._decide(seen, "edited", caption=caption)

        self.ask(EditCaption(seen.row.caption or "", seen.words_for), record)

    def action_settings(self) -> None:
        """Ask for a field of a post that is to hold for this content alone, then record it."""
        seen = self.view
        if seen is None or not seen.words:
            return

        def record(typed: str) -> None:
            self._own_edit = seen.row.version
            self._decide(seen, "edited", typed=typed)

        question = f"A field of a post of {seen.row.id}, for it alone:"
        self.ask(AskLine(question, placeholder=f"{seen.words[0].platform}.hashtags=#loom, #wool"), record)

    def action_play(self) -> None:
        """Open the final video in the desktop's player."""
        video = None if self.view is None else self.view.file("final video")
        if video is None:
            self.say(f"{self.content_id} has no final video here.", bad=True)
        else:
            self.act(lambda _project: self.terminal.play(video), meanwhile=f"Opening {video.name} ...")

    def action_pictures(self) -> None:
        """Scroll to the contact sheet."""
        self.query_one("#page", VerticalScroll).scroll_end(animate=False)

    def _decide(
        self,
        seen: ContentReview,
        verdict: DecisionVerdict,
        *,
        caption: str | None = None,
        typed: str | None = None,
        note: str | None = None,
    ) -> None:
        person = self.terminal.link.person

        def record(project: Project) -> str:
            row = decide(
                project,
                seen.row.id,
                verdict,
                by=person,
                via="tui",
                revision=seen.row.revision,
                seen=seen.seen,
                caption=caption,
                settings=None if typed is None else parse_settings([typed]),
                note=note,
            )
            more = " Another person has to approve it too." if row.verdict == "endorsed" else ""
            decided = f"revision {row.revision} {row.verdict} by {plain(row.decided_by)}, decision {row.id}"
            return f"Recorded: {decided}.{more}"

        self.act(record, meanwhile=f"Recording that revision {seen.row.revision} is {verdict} ...")

    # -- the contact sheet

    def on_resize(self) -> None:
        """Draw the pictures for the new width."""
        if self.view is not None:
            self._draw(self.view)

    def _draw(self, view: ContentReview) -> None:
        sheet = view.file("contact sheet")
        wanted = (view.row.video_sha256, self.size.width)
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


def _page(view: ContentReview) -> Iterator[Content]:
    row, decided = view.row, [moment for moment in view.history if moment.is_decision][:_DECISIONS_SHOWN]
    yield Content.assemble((f"{row.id}  {view.title}", "bold"))
    stands = ", ".join(dict.fromkeys((row.state.replace("_", " "), view.status.standing)))
    yield Content(f"revision {row.revision}, {stands}{_waits(view)}, {row.world} world")
    if decided:
        yield Content.styled(f"last decision  {_decision_text(decided[0])}", "$accent")
    for trouble in (
        one_line(row.error),
        *(f"not out on {post.platform}: {one_line(post.error)}" for post in view.status.failed_posts),
        one_line(view.trouble),
        "Some of its acts have an unknown outcome: Esc, then 3." if view.unknown else "",
    ):
        if trouble:
            yield Content.styled(trouble, "$error")
    yield from _section("idea", [plain(row.idea) or "none yet"])
    for words in view.words:
        yield from _words(words)
    if not view.words:
        yield from _section("caption", [plain(row.caption) or "none yet"])
    yield from _checks(view)
    costs = ", ".join(f"{layer} {usd(cost)}" for layer, cost in view.status.costs) or "nothing"
    yield from _section(f"costs  {usd(view.status.cost_usd)}" if view.status.costs else "costs", [costs])
    yield from _section(
        "files", [f"{file.what:14} {_size_text(file.size_bytes):>9}  {file.path.name}" for file in view.files]
    )
    if len(decided) > 1:
        yield from _section("decisions before", [_decision_text(moment) for moment in decided[1:]])
    if view.status.next_step:
        yield Content.styled(f"\nat a prompt: {view.status.next_step}", "dim")


def _waits(view: ContentReview) -> str:
    if view.row.state != "review_pending" or view.is_held:
        return ""
    return f", {left(view.row.review_deadline_at, view.looked_at)} left"


def _words(words: PlatformWords) -> Iterator[Content]:
    """Yield every word that a platform gets: all of it is what an approval is for."""
    yield from _section(f"{words.platform}  {length_of(words)}", [plain(words.problem)] if words.problem else [])
    for line in plain(words.text).split("\n"):
        yield Content(f"  {line}")
    if words.title is not None:
        yield Content(f"  title: {one_line(words.title)}")
    if words.settings:
        yield Content.styled(f"  {one_line(words.settings_text)}", "dim")
    if words.dropped_hashtags:
        yield Content.styled(f"  left out, it does not fit: {' '.join(words.dropped_hashtags)}", "$warning")


def _section(title: str, lines: list[str]) -> Iterator[Content]:
    yield Content("")
    yield Content.styled(title, "bold $accent")
    for line in lines:
        yield Content("\n".join(f"  {part}" for part in line.split("\n")))


def _checks(view: ContentReview) -> Iterator[Content]:
    passed = sum(check.result.passed for check in view.checks)
    yield from _section(f"checks  {passed} of {len(view.checks)} passed" if view.checks else "checks  none yet", [])
    for check in view.checks:
        style = "bold $error" if check.is_failed else ""
        yield Content.assemble("  ", (f"{check.verdict:6}", style), f" {check.name}: {one_line(check.sentence)}")


def _size_text(size_bytes: int | None) -> str:
    return "missing" if size_bytes is None else size(size_bytes)


def _decision_text(moment: HistoryEntry) -> str:
    note = f": {one_line(moment.note)}" if moment.note else ""
    by = plain(moment.who)
    return f"{moment.at:%Y-%m-%d %H:%M}  r{moment.revision} {moment.what} by {by} via {moment.via}{note}"


def scope_of(view: ContentReview) -> Scope:
    """Return what a decision on this page is for."""
    return view.row.revision, view.bound


def what_changed(seen: ContentReview, now: ContentReview) -> str:
    """Return in words what is no longer as the person saw it."""
    changes = []
    if seen.row.revision != now.row.revision:
        changes.append(f"it is revision {now.row.revision} now, you see {seen.row.revision}")
    elif seen.row.video_sha256 != now.row.video_sha256:
        changes.append("another video")
    if seen.row.caption != now.row.caption:
        by = next((moment.who for moment in now.history if moment.what == "edited"), None)
        changes.append(f"{plain(by)} edited the caption" if by else "another caption")
    before, after = seen.bound, now.bound
    if (before and before.fields) != (after and after.fields):
        changes.append("other fields in the channel's file")
    elif (before and before.words) != (after and after.words) and seen.row.caption == now.row.caption:
        changes.append("another title, or other hashtags")
    return ", ".join(changes)
