"""Runs a notebook of the docs cell by cell, in the project of the working folder, and stores what each cell shows.

    cd var/demo && python ../../docs/run_notebook.py ../../docs/tutorials/prompts-and-views.ipynb

No kernel is needed for that, so that the tests can run it too. What belongs here: running cells; what they say is the
notebook's own.
"""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def run_notebook(notebook: dict[str, Any]) -> dict[str, Any]:
    """Run every code cell, store its outputs in the cell, and return the variables at the end."""
    variables: dict[str, Any] = {"__name__": "__main__"}
    count = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        count += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            shown = _run("".join(cell["source"]), variables)
        outputs: list[dict[str, Any]] = []
        if printed.getvalue():
            outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
        if shown is not None:
            data = {"text/plain": _lines(str(shown))}
            outputs.append({"data": data, "execution_count": count, "metadata": {}, "output_type": "execute_result"})
        cell |= {"execution_count": count, "outputs": outputs}
    return variables


def _run(source: str, variables: dict[str, Any]) -> Any:
    """Run a cell and return its last expression, as notebooks show it."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), variables)  # noqa: S102  our own notebook
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), variables)  # noqa: S307


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    document = json.loads(path.read_text(encoding="utf-8"))
    run_notebook(document)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
