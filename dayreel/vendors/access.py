"""What a vendor's file needs to know to connect: which world, where, with which key.

Which vendors there are is `vendors.registry`; where the sandbox world listens is found by `services.sandbox_world`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dayreel.clock import Clock
from dayreel.errors import ConfigurationError
from dayreel.settings import World


@dataclass(frozen=True)
class Access:
    """The way to the vendors of one world.

    Attributes:
        variable: reads an environment name ("FAL_KEY"); None when it is not set. In the sandbox world these are the
            stand-ins' own keys, never real ones.
        sandbox_url: base URL of the sandbox world, None in the live one.
        root: the project root, for vendors that are folders.
        callback_origin: where a vendor can call back to this project's desk; None where it cannot be reached.
    """

    world: World
    variable: Callable[[str], str | None]
    sandbox_url: str | None
    clock: Clock
    root: Path
    callback_origin: str | None = None

    def secret(self, name: str) -> str:
        """Return a key or an id.

        Raises:
            ConfigurationError: it is not set; the message names the variable.
        """
        value = self.variable(name)
        if not value and self.world == "sandbox":
            raise ConfigurationError(
                f"{name} has no value in the sandbox world: the vendor's record names none (`sandbox` of its setting).",
                next_step="Use another vendor in the channel's file, or ask whoever made the vendor's package.",
            )
        if not value:
            raise ConfigurationError(
                f"{name} is not set, and the live world needs it.",
                next_step=f"Put {name}=... into .env (see .env.example), or use the sandbox world, which needs none.",
            )
        return value

    def require_package(self, module: str, *, extra: str) -> None:
        """See that a vendor's SDK is installed that does not come with dayreel.

        Raises:
            ConfigurationError: it is not; names the extra that brings it.
        """
        if find_spec(module) is None:
            raise ConfigurationError(
                f"The package {module!r} is not installed, and this vendor needs it.",
                next_step=f"`pip install 'dayreel[{extra}]'`, then the same command continues.",
            )

    def url(self, live: str, sandbox_path: str) -> str:
        """Return a vendor's base URL in this world.

        Args:
            live: the vendor's own.
            sandbox_path: where the stand-in is mounted, like "/fal/queue/".
        """
        return live if self.sandbox_url is None else self.sandbox_url.rstrip("/") + sandbox_path
