"""Killing whoever takes an item in, at every file that is opened, renamed, made or removed on the shared folder."""

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from dayreel.footage.library.documents import items_document
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import due_library, run_pass
from dayreel.stores.files import sha256_of

_STEPS: Final = {"open", "os.rename", "os.remove", "os.mkdir", "os.link", "os.scandir"}


def killed_at(step: int, library: Library, act: Callable[[Library], object]) -> bool:
    """Do something in a process of its own that dies at a step of it; return False where it ended before."""
    pid = os.fork()
    if pid == 0:
        library.project.catalog.engine.dispose(close=False)  # the parent's connections are the parent's
        root, steps = str(library.root), 0

        def hook(event: str, args: tuple[Any, ...]) -> None:
            nonlocal steps
            if event in _STEPS and any(str(arg).startswith(root) for arg in args[:2]):
                steps += 1
                if steps == step:
                    os._exit(9)

        try:
            sys.addaudithook(hook)
            act(library)
        except BaseException:  # noqa: BLE001  nothing of a test run may go on in the child
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"it ended with {code} instead of being killed"
    return code == 9


def assert_whole(library: Library, files: dict[str, str]) -> None:
    """Hold a library to one item that is ripped, with these files, in catalog, folder and after a rebuild."""
    for look in (run_pass, rebuild, run_pass):
        look(library)
        document = items_document(library.project.catalog)
        assert [(entry["state"], entry["error"]) for entry in document] == [("ripped", None)]
    assert due_library(library) is None
    (folder,) = {library.root / entry["folder"] for entry in document}
    there = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    assert {path.name: sha256_of(path) for path in there} == files
