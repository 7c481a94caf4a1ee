"""The money screen: spending against every cap, who gets real posts, and the kill switch."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from dayreel.queries.config import Value, switch_sentence
from dayreel.queries.money import Cap, MoneyView, money_of
from dayreel.rules.pricing import usd
from dayreel.services.project import Project
from dayreel.services.turn_switch import turn_switch
from dayreel.tui.dialogs import AskLine
from dayreel.tui.live import PLACES, LiveScreen
from dayreel.tui.words import bar, one_line, plain


class MoneyScreen(LiveScreen[MoneyView]):
    """What was spent, and what stops it."""

    name_shown = "money"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("s", "switch", "Kill switch"), *PLACES]

    def body(self) -> ComposeResult:
        """Make the place for it all."""
        with VerticalScroll(id="page", can_focus=True):
            yield Static(id="detail")

    def look(self, project: Project) -> MoneyView:
        """Read the sums."""
        return money_of(project)

    def show(self, view: MoneyView) -> None:
        """Lay it out."""
        style = "bold $error" if view.switch.value == "off" else "bold"
        lines = [
            Content.styled(view.switch_sentence, style),
            *([Content(f"turned by {_who(view.switch)}")] if view.switch.updated_at else []),
            Content(""),
            Content.styled(f"spent or reserved in the {view.world} world", "bold"),
            *(_cap(cap) for cap in view.caps),
            Content(""),
            Content.styled("real posts", "bold"),
            *(Content(f"  {name:24} {mode}") for name, mode in view.publishing),
        ]
        self.query_one("#detail", Static).update(Content("\n").join(lines))

    def action_switch(self) -> None:
        """Ask why, then turn the switch the other way."""
        if self.view is None:
            return
        seen = self.view.switch.value
        wanted = "on" if seen == "off" else "off"
        what = "stop every purchase and every post" if wanted == "off" else "allow buying and posting again"

        person = self.terminal.link.person

        def turn(note: str) -> None:
            self.act(
                lambda project: switch_sentence(
                    turn_switch(project, wanted, by=person, via="tui", note=note, seen=seen)
                ),
                meanwhile=f"Turning the kill switch {wanted} ...",
            )

        self.ask(AskLine(f"Turn the kill switch {wanted}: {what}. Why?"), turn)


def _cap(cap: Cap) -> Content:
    share = cap.share
    line = f"  {cap.whose:24} {cap.when:10}  {bar(share, 16)} {usd(cap.used_usd):>8} of {usd(cap.limit_usd)}"
    return Content.styled(line, "$error" if share >= 1 else "$warning" if share >= 0.8 else "")  # noqa: PLR2004


def _who(switch: Value) -> str:
    note = f": {one_line(switch.note)}" if switch.note else ""
    return f"{plain(switch.updated_by)}, {switch.updated_at:%Y-%m-%d %H:%M} UTC{note}"
