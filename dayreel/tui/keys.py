"""The last line of every screen: the keys that do something there."""

from textual.binding import Binding
from textual.widgets import Footer


class Keys(Footer):
    """The keys, laid out again only when they are others: screens ask for it whenever what they show has changed."""

    def __init__(self) -> None:
        """Keep to one line."""
        super().__init__(compact=True, show_command_palette=False)
        self._laid_out: list[tuple[Binding, bool]] | None = None

    async def recompose(self) -> None:
        """Lay the keys out, unless they are there already, or the screen has been left."""
        if not self.is_attached:
            return
        keys = [
            (active.binding, active.enabled) for active in self.screen.active_bindings.values() if active.binding.show
        ]
        if keys != self._laid_out:
            self._laid_out = keys
            await super().recompose()
