"""What every part of `make soak` may ask for: a place in the table at its end, with its time and its figure.

Here belong long loops over what the suite proves once: more seeds, more jobs, more viewers, daemons that recover. Each
part takes at most half an hour; plain `pytest` and `make test` leave this folder alone.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

_FIGURES = pytest.StashKey[dict[str, list[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table."""
    config.stash[_FIGURES] = {}


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Take down what a part has counted, such as `1,000 jobs, 0 done twice`."""
    figures = request.config.stash[_FIGURES].setdefault(request.node.nodeid, [])
    return figures.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print a row for each test: its part, how it ended, its seconds, its figures."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call" and Path(report.location[0]).parent.name == "soak"
    ]
    if reports:
        terminalreporter.section("soak")
    for report in reports:
        figures = "; ".join(config.stash[_FIGURES].get(report.nodeid, ["no figure"]))
        terminalreporter.line(f"{report.outcome:6} {report.duration:7.0f} s  {report.nodeid}: {figures}")
