"""A video a day in a process in which own footage cannot be imported: `python -m tests.world.without_footage PROJECT`.

Every other module of the product is imported, the graph is built, and each face is opened once.
"""

import asyncio
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

SLICE = ("dayreel.footage", "pipeline_assets.footage")
PACKAGES = ("dayreel", "resources", "pipeline_assets", "sensors")


class Refused(MetaPathFinder):
    """Refuses the slice, as if its folders were not there."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if name in SLICE or name.startswith(tuple(f"{module}." for module in SLICE)):
            raise ModuleNotFoundError(f"No module named {name!r} here", name=name)
        return None


def import_the_rest() -> None:
    """Import every module but those of the slice, and those that do something when they are imported."""
    names = [
        module.name
        for package in PACKAGES
        for module in pkgutil.walk_packages([package], f"{package}.", onerror=lambda _name: None)
    ]
    assert len(names) > 300, "the packages are looked for in the working directory"
    for name in names:
        if not name.startswith(SLICE) and not name.endswith((".__main__", ".migrations.env")):
            importlib.import_module(name)


def open_the_faces(root: Path) -> None:
    """Open a page of the desk and the first screen of the terminal, and ask for the status and the graph."""
    from dayreel.cli import run
    from dayreel.services.footage_hooks import footage_hooks
    from dayreel.services.project import open_project
    from dayreel.settings import load_settings
    from dayreel.tui.app import DayreelTerminal
    from pipeline_assets.definitions import build_defs
    from tests.fakes.desk import desk_on, person

    settings = load_settings(root)
    assert run(["status", "--json"]) == 0
    keys = build_defs(settings).resolve_asset_graph().get_all_asset_keys()
    assert {"asmr_crafts/final_video", "library/throughput"} <= {key.to_user_string() for key in keys}, keys
    project = open_project(settings)
    person(desk_on(project), "Vera", "viewer").open("/calendar")

    async def terminal() -> None:
        app = DayreelTerminal(project, person="alma")
        async with app.run_test() as keys:
            await keys.press("2")
            assert app.current_mode == "renders"

    asyncio.run(terminal())
    project.catalog.close()
    try:
        footage_hooks(settings.model_copy(update={"library": root}))
    except ModuleNotFoundError:
        return
    raise AssertionError("With a shared folder the slice has to be missed; so nothing was refused here.")


if __name__ == "__main__":
    sys.meta_path.insert(0, Refused())
    import_the_rest()
    open_the_faces(Path(sys.argv[1]))
