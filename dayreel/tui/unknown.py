"""The screen of unknown effects: what may have happened and nobody knows, the evidence, and the keys that resolve it.

A person says what they found at the provider, or that it is not there; `services.upkeep.reconcile` takes it from there.
"""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from dayreel.errors import StaleState
from dayreel.queries.unknown_outcomes import UnknownOutcome, UnknownOutcomes, unknown_outcomes
from dayreel.rules.pricing import usd
from dayreel.services.project import Project
from dayreel.services.upkeep.reconcile import Reconciled, reconcile, resolve
from dayreel.tui.dialogs import AskLine, Confirm
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.widgets import show_options
from dayreel.tui.words import one_line, plain


class UnknownScreen(LiveScreen[UnknownOutcomes]):
    """Every outcome that nobody knows."""

    name_shown = "unknown outcomes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "found", "Found"),
        Binding("n", "not_there", "Not there"),
        Binding("l", "look_up", "Look up"),
        *PLACES,
    ]

    def body(self) -> ComposeResult:
        """Make the list, and the place for the evidence below it."""
        yield OptionList(id="doubts", markup=False)
        with VerticalScroll(id="evidence", can_focus=True):
            yield Static(id="detail")

    def look(self, project: Project) -> UnknownOutcomes:
        """Read the effects."""
        return unknown_outcomes(project)

    def show(self, view: UnknownOutcomes) -> None:
        """Fill the list again, and show the evidence of the highlighted one."""
        options = [Option(_line(doubt), id=str(doubt.effect_id)) for doubt in view.here]
        show_options(self.query_one("#doubts", OptionList), options)
        self._show_evidence()

    @on(OptionList.OptionHighlighted)
    def _show_evidence(self) -> None:
        doubt = self._chosen()
        self.query_one("#detail", Static).update(_evidence(doubt) if doubt else Content("Every outcome is known."))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Show the resolving keys dimmed while there is nothing to resolve."""
        del parameters
        return None if action in ("found", "not_there") and not (self.view and self.view.here) else True

    def action_found(self) -> None:
        """Ask for the id under which the provider has it."""
        doubt = self._chosen()
        if doubt is None:
            return

        question = f"Under which id does {doubt.target} have {_what(doubt)} of {doubt.about}?"
        self.ask(
            AskLine(question, placeholder="the id that its dashboard shows"),
            lambda reference: self._resolve(doubt, reference),
        )

    def action_not_there(self) -> None:
        """Ask whether the person has really looked: what is not there is sent again."""
        doubt = self._chosen()
        if doubt is None:
            return

        question = (
            f"You looked at {doubt.target}, and {_what(doubt)} of {doubt.about} is not there?\n"
            f"Then {usd(doubt.reserved_usd)} is released, and it may be sent again."
        )
        self.ask(Confirm(question), lambda _yes: self._resolve(doubt, None))

    def action_look_up(self) -> None:
        """Look every doubt up at its provider; sends nothing."""
        self.act(lambda project: _summary(reconcile(project)), meanwhile="Looking up every unknown outcome ...")

    def _chosen(self) -> UnknownOutcome | None:
        option = self.query_one("#doubts", OptionList).highlighted_option
        wanted = None if option is None else option.id
        return next((doubt for doubt in (self.view.here if self.view else ()) if str(doubt.effect_id) == wanted), None)

    def _resolve(self, doubt: UnknownOutcome, reference: str | None) -> None:
        person = self.terminal.link.person

        def say(project: Project) -> str:
            require_unchanged(project, doubt)
            outcome = resolve(project, doubt.effect_id, reference=reference, by=person)
            return f"Effect {outcome.effect_id}: {outcome.outcome}. {outcome.next_step}".strip()

        self.act(say, meanwhile=f"Recording what you found about effect {doubt.effect_id} ...")


def require_unchanged(project: Project, seen: UnknownOutcome) -> None:
    """Refuse a ruling on an effect that has moved since it was shown.

    Raises:
        StaleState: says what it is now.
    """
    now = next((doubt for doubt in unknown_outcomes(project).here if doubt.effect_id == seen.effect_id), None)
    if now is None or now.version != seen.version:
        what = "is no longer unknown" if now is None else f"was looked at again: {one_line(now.evidence)}"
        raise StaleState(
            f"Effect {seen.effect_id} {what}.",
            next_step="Look at it again, then say what you found; nothing was recorded.",
        )


def _line(doubt: UnknownOutcome) -> Content:
    sent = f"{doubt.sent_at:%m-%d %H:%M}" if doubt.sent_at else ""
    where = f"{_what(doubt)} at {doubt.target}"
    return Content(f" {doubt.effect_id:>5}  {doubt.about:26} {where:22} {sent}  {usd(doubt.reserved_usd)}")


def _evidence(doubt: UnknownOutcome) -> Content:
    parts = [Content.styled("evidence", "bold"), Content(f"  {plain(doubt.evidence)}")]
    for title, facts in (("what was asked for", doubt.request), ("what its vendor calls it", doubt.handle)):
        if facts:
            lines = (Content(f"  {plain(name)}: {one_line(value)}") for name, value in facts)
            parts += [Content.styled(title, "bold"), *lines]
    return Content("\n").join(parts)


def _what(doubt: UnknownOutcome) -> str:
    return f"{doubt.kind} {doubt.sequence}"


def _summary(outcomes: list[Reconciled]) -> str:
    if not outcomes:
        return "The outcome of every act is known."
    return " ".join(f"Effect {outcome.effect_id}: {outcome.outcome}." for outcome in outcomes)
