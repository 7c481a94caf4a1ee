"""Nothing is paid or published without a permit, and only the ledger makes one."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from dayreel.providers.llm.contract import LanguageModel
from dayreel.providers.notifiers.contract import Notifier, ReviewNotifier
from dayreel.providers.platforms.contract import PlatformProvider
from dayreel.providers.speech.contract import SpeechProvider
from dayreel.providers.video.contract import VideoGenerator
from dayreel.vendors.registry import vendors

PACKAGE = Path(__file__).parents[2] / "dayreel"
ACTS: dict[str, tuple[type, str]] = {
    "llm": (LanguageModel, "ask"),
    "speech": (SpeechProvider, "speak"),
    "video": (VideoGenerator, "submit"),
    "platforms": (PlatformProvider, "post"),
    "notifiers": (Notifier, "send"),
}


def test_only_the_ledger_makes_permits() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    makers = {
        path.relative_to(PACKAGE).as_posix()
        for path, text in texts.items()
        if "Permit" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Permit"
    }
    # The kit that runs contracts against stand-ins spends and posts nothing, and nothing of dayreel may import it.
    assert makers == {"services/effects/ledger.py", "testing/__init__.py"}


@pytest.mark.parametrize("family", sorted(ACTS))
def test_what_pays_or_publishes_asks_for_a_permit_first(family: str) -> None:
    contract, act = ACTS[family]
    assert list(inspect.signature(getattr(contract, act)).parameters)[:2] == ["self", "permit"]


@pytest.mark.parametrize("act", ["ask", "attach", "redraw"])
def test_what_a_chat_shows_to_everybody_asks_for_one_too(act: str) -> None:
    assert list(inspect.signature(getattr(ReviewNotifier, act)).parameters)[:2] == ["self", "permit"]


@pytest.mark.parametrize(
    "vendor", [vendor for vendor in vendors() if vendor.family in ACTS], ids=lambda vendor: vendor.name
)
def test_every_vendor_asks_for_one(vendor: Any) -> None:
    act = ACTS[vendor.family][1]
    source = PACKAGE / "providers" / vendor.family / f"{vendor.name}.py"
    takes = [
        [argument.arg for argument in node.args.args][:2]
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name in (act, "submit")  # a voice may be queued, too
    ]
    # Own footage is cut, not bought.
    assert takes == ([] if vendor.name == "clips" else [["self", "permit"]])
