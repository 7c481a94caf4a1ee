"""Days of the shipped channels, written by stand-ins that think as the real models do, with another seed each day."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from dayreel.clock import SystemClock
from dayreel.errors import DayreelError
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.project import Project
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.project import channel_of, ledger_rows, make_project
from tests.fakes.sandbox import RunningSandbox

CHANNELS = Path(__file__).parents[2] / "channels"
FIRST_DAY = date(2026, 2, 1)
SHIPPED = ("asmr_crafts", "tiny_histories")


def project_of(root: Path, sandbox: RunningSandbox) -> Project:
    """Return a project with the shipped channels and the real clients of their language models."""
    access = Access("sandbox", sandbox.credentials.get, sandbox.url, SystemClock(), root)
    clients = {name: vendor_named(name).connect(access) for name in ("anthropic", "openai")}
    caps = {"cap.day_usd": "900", "cap.month_usd": "900", "cap.content_usd": "2.50", "cap.channel_day_usd": "5"}
    project = make_project(root, channels={}, providers=clients, config=caps)
    for name in SHIPPED:
        text = (CHANNELS / f"{name}.yaml").read_text(encoding="utf-8")
        # Every seed is a day; the stand-in has forty ideas, and these may come again.
        text = text.replace("active_from: 2026-11-01", "active_from: 2026-01-01")
        text = text.replace("claude-sonnet-5-5}", "claude-sonnet-5-5, avoid_days: 0}")
        (project.settings.channels_dir / f"{name}.yaml").write_text(text, encoding="utf-8")
    return project


def lost_days(project: Project, sandbox: RunningSandbox, seeds: Iterable[int]) -> list[str]:
    """Write a day of each channel for each seed; return a sentence for each that was lost."""
    lost = []
    for seed in seeds:
        sandbox.pace(anthropic_thinking_seed=seed, openai_thinking_seed=seed)
        for name in SHIPPED:
            channel, day = channel_of(project, name), FIRST_DAY + timedelta(days=seed)
            assert channel.prompts is not None
            try:
                make_idea(project, channel, day, model=project.providers[channel.ideas.provider])
                write_prompts(project, channel, day, model=project.providers[channel.prompts.provider])
            except DayreelError as error:
                lost.append(f"{name}, seed {seed}: {error}")
    return lost


def booked_and_billed(project: Project, sandbox: RunningSandbox) -> tuple[Decimal, Decimal]:
    """Return what the ledger says that the questions have cost, and what the vendors say."""
    booked = sum((row["settled_usd"] for row in ledger_rows(project, kind="llm")), Decimal(0))
    billed = sum((Decimal(item["cost_usd"]) for item in sandbox.effects()["generations"]), Decimal(0))
    return booked, billed


def budgets(project: Project) -> list[int]:
    """Return the budget of every question that was asked."""
    return [row["request"]["max_tokens"] for row in ledger_rows(project, kind="llm")]
