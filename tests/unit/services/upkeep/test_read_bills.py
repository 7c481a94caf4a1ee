"""What vendors bill beside what is booked: read daily, kept when a vendor is away, reported once where they differ."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from dayreel.clock import SystemClock
from dayreel.errors import PermanentError, TransientError
from dayreel.providers.bills import MOST_PAGES
from dayreel.queries.bills import BillLine, bill_differences, bill_lines, unread_bills, vendor_bills
from dayreel.sandbox import bills as reports
from dayreel.sandbox.world import SandboxWorld
from dayreel.services.making.make_idea import make_idea
from dayreel.services.making.render_segments import render_segments
from dayreel.services.making.write_prompts import write_prompts
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.upkeep.chores import due_chores
from dayreel.services.upkeep.read_bills import read_bills
from dayreel.services.upkeep.report_silences import report_silences
from dayreel.stores.catalog.tables import bills
from dayreel.vendors.access import Access
from dayreel.vendors.record import Bill
from dayreel.vendors.registry import vendor_named, vendors
from tests.fakes.clock import NINE, FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.project import DAY, channel_of
from tests.fakes.rows import add_content, add_effect
from tests.fakes.sandbox import RunningSandbox

pytestmark = pytest.mark.slow
REPORTING = sorted(vendor.name for vendor in vendors() if vendor.bill is not None)
WAN = "fal-ai/wan-25-preview/text-to-video"
MakeProject = Callable[..., Project]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, tiny_clip: Path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world"), clip=tiny_clip) as sandbox:
        yield sandbox


@pytest.fixture
def world(running: RunningSandbox) -> RunningSandbox:
    """A world on the morning of 2026-11-20."""
    running.reset()
    running.clear_faults()
    running.pace(fal_queue_s=0.0, fal_render_s=0.0)
    running.ask(lambda world: world.set_now(NINE))
    return running


@pytest.fixture
def project(make_project: MakeProject, world: RunningSandbox) -> Project:
    made = make_project()
    return replace(made, settings=made.settings.model_copy(update={"sandbox_url": world.url}))


def access(world: RunningSandbox, **variables: str) -> Access:
    return Access("sandbox", {**world.credentials, **variables}.get, world.url, SystemClock(), world.root)


def pass_days(project: Project, world: RunningSandbox, days: int = 1) -> None:
    assert isinstance(project.clock, FakeClock)
    project.clock.move(days=days)
    world.advance(days * 86_400)


def bill(world: RunningSandbox, vendor: str, usd: str, *, days_ago: float = 0, model: str = WAN) -> None:
    """Have a vendor make something, and charge for it."""

    def charge(of: SandboxWorld) -> None:
        of.advance(-days_ago * 86_400)
        facts = {"duration_s": 5, "input_usd": "0.01"}
        id_, cost = of.new_digest(vendor), Decimal(usd)
        of.bill(vendor=vendor, kind="x", id_=id_, model=model, cost_usd=cost, prompt="p", **facts)
        of.advance(days_ago * 86_400)

    world.ask(charge)


def book(project: Project, usd: str, *, at: datetime = NINE, **columns: object) -> None:
    """Book a purchase at fal."""
    content_id = f"crafts-{at.date()}"
    with project.catalog.read() as connection:
        taken = len(connection.execute(select(bills)).all())
    add_content(project.catalog, content_id, "posted", at=at)
    paid = {"state": "confirmed", "settled_usd": Decimal(usd), "reserved_usd": Decimal(usd), "model": WAN}
    add_effect(project.catalog, content_id, at=at, sequence=taken + 1, **{**paid, **columns})


def lines(project: Project, first: date = DAY, last: date = DAY) -> list[BillLine]:
    with project.catalog.read() as connection:
        return bill_lines(connection, first, last)


def test_a_days_bill_is_what_is_booked(project: Project, world: RunningSandbox) -> None:
    channel = channel_of(project)
    make_idea(project, channel, DAY, model=project.connect("anthropic"))
    write_prompts(project, channel, DAY, model=project.connect("openai"))
    render_segments(project, channel, DAY, source=project.connect("fal"))
    pass_days(project, world)
    assert len(read_bills(project)) == len(REPORTING)
    compared = lines(project)
    assert [line.provider for line in compared] == REPORTING
    for line in compared:
        assert line.booked_usd > 0
        assert line.billed_usd is not None
        assert line.billed_usd.quantize(Decimal("0.01")) == line.booked_usd.quantize(Decimal("0.01"))
        assert line.requests == (3 if line.provider == "fal" else 1)
    assert read_bills(project) == []  # once a day


def test_what_nobody_booked_is_reported_once(project: Project, world: RunningSandbox) -> None:
    book(project, "1.00")
    bill(world, "fal", "1.00")
    bill(world, "fal", "0.60")  # accepted, and its booking was lost
    notifier = FakeNotifier()
    for _ in range(12):  # days; the difference is reported once the day is settled, and never again
        pass_days(project, world)
        read_bills(project)
        for _look in range(2):
            report_silences(project, None, notifiers=[notifier])
            assert isinstance(project.clock, FakeClock)
            project.clock.move(minutes=5)
    reports_of_bills = [message.text for message in notifier.messages if "bills" in message.text]
    assert len(reports_of_bills) == 1
    assert "fal bills $1.60 for 2026-11-20 (UTC), where $1.00 is booked: $0.60 more." in reports_of_bills[0]
    assert "fal.ai dashboard" in reports_of_bills[0]


@pytest.mark.parametrize(
    ("billed", "booked", "is_reported"),
    [("1.40", "1.00", False), ("1.00", "1.40", False), ("1.51", "1.00", True), ("1.00", "1.51", True),
     ("20.90", "20.00", False), ("21.10", "20.00", True)],
)  # fmt: skip
def test_small_differences_are_not_reported(
    project: Project, world: RunningSandbox, billed: str, booked: str, is_reported: bool
) -> None:
    book(project, booked)
    bill(world, "fal", billed)
    pass_days(project, world, 3)
    read_bills(project)
    assert bool(bill_differences(project)) is is_reported


def test_an_unknown_outcome_may_be_billed_or_not(project: Project, world: RunningSandbox) -> None:
    book(project, "0", state="unknown", settled_usd=None, reserved_usd=Decimal(2))
    refused = {"state": "refused", "settled_usd": Decimal(0), "reserved_usd": Decimal(3), "model": WAN}
    add_effect(project.catalog, f"crafts-{DAY}", at=NINE, sequence=2, **refused)
    bill(world, "fal", "2.00")
    pass_days(project, world, 3)
    read_bills(project)
    (line,) = lines(project)
    assert [line.held_usd, line.billed_usd, line.difference_usd] == [Decimal(2), Decimal(2), Decimal(0)]
    assert line.requests == 1, "what was refused is none"


def test_a_purchase_around_midnight_is_no_difference(project: Project, world: RunningSandbox) -> None:
    book(project, "9.00", at=datetime(2026, 11, 20, 23, 59, tzinfo=UTC))
    world.ask(lambda of: of.set_now(datetime(2026, 11, 21, 0, 1, tzinfo=UTC)))
    bill(world, "fal", "9.00")
    world.ask(lambda of: of.set_now(NINE))
    pass_days(project, world, 4)
    read_bills(project)
    first, second = lines(project, DAY, date(2026, 11, 21))
    assert [first.booked_usd, first.billed_usd] == [Decimal(9), Decimal(0)]
    assert [second.booked_usd, second.billed_usd] == [Decimal(0), Decimal(9)]
    assert bill_differences(project) == []


def test_buying_before_every_midnight_is_no_difference(project: Project, world: RunningSandbox) -> None:
    """Its first day was all booked and not billed, its last day's neighbour all billed and not booked."""
    for day in (20, 21, 22):
        book(project, "9.00", at=datetime(2026, 11, day, 23, 50, tzinfo=UTC))
        world.ask(partial(SandboxWorld.set_now, moment=datetime(2026, 11, day + 1, 0, 10, tzinfo=UTC)))
        bill(world, "fal", "9.00" if day < 22 else "12.00")
    world.ask(lambda of: of.set_now(NINE))
    pass_days(project, world, 6)
    read_bills(project)
    (difference,) = bill_differences(project)
    assert difference.day == date(2026, 11, 23), "what nobody booked is one all the same"


def test_a_day_is_read_again_until_it_is_a_week_old(project: Project, world: RunningSandbox) -> None:
    book(project, "1.00")
    pass_days(project, world)
    read_bills(project)
    assert lines(project)[0].billed_usd == 0
    bill(world, "fal", "1.00", days_ago=1)  # the vendor settles late
    pass_days(project, world)
    read_bills(project)
    assert lines(project)[0].billed_usd == 1
    bill(world, "fal", "5.00", days_ago=2)
    pass_days(project, world, 7)
    read_bills(project)
    assert lines(project)[0].billed_usd == 1


@pytest.mark.parametrize("vendor", REPORTING)
def test_every_page_of_a_bill_is_read(world: RunningSandbox, vendor: str) -> None:
    reader = vendor_named(vendor).bill
    assert isinstance(reader, Bill)
    for days_ago in range(1, 8):
        bill(world, vendor, f"{days_ago}.05", days_ago=days_ago)
    first, last = DAY - timedelta(days=7), DAY - timedelta(days=1)
    billed: dict[date, Decimal] = {}
    for line in reader.read(access(world), first, last):
        billed[line.day] = billed.get(line.day, Decimal(0)) + line.usd
    assert reports.PAGE < len(billed) < MOST_PAGES
    assert billed == {DAY - timedelta(days=ago): Decimal(f"{ago}.05") for ago in range(1, 8)}


@pytest.mark.parametrize("vendor", REPORTING)
def test_a_key_that_makes_things_may_not_read_bills(world: RunningSandbox, vendor: str) -> None:
    record = vendor_named(vendor)
    assert record.bill is not None
    normal = world.credentials[record.needs[0]]
    with pytest.raises(PermanentError) as caught:
        record.bill.read(access(world, **{record.bill.key: normal}), DAY, DAY)
    assert record.bill.key in caught.value.next_step
    assert normal not in str(caught.value)


@pytest.mark.parametrize(
    ("vendor", "variable", "ours"),
    [
        ("anthropic", "ANTHROPIC_BILL_WORKSPACE_ID", reports.WORKSPACE),
        ("openai", "OPENAI_BILL_PROJECT_ID", reports.PROJECT),
        ("fal", "FAL_BILL_KEY_ID", reports.FAL_KEY_ID),
    ],
)
def test_only_our_part_of_a_shared_account_counts(world: RunningSandbox, vendor: str, variable: str, ours: str) -> None:
    reader = vendor_named(vendor).bill
    assert reader is not None
    bill(world, vendor, "1.00")
    assert sum(line.usd for line in reader.read(access(world, **{variable: ours}), DAY, DAY)) == 1
    assert sum(line.usd for line in reader.read(access(world, **{variable: "another"}), DAY, DAY)) == 0


@pytest.mark.parametrize(
    "body",
    [
        '{"has_more": false}',
        '{"time_series": [{"bucket": 1, "results": [{}]}], "has_more": false}',
        '{"time_series": [], "has_more": true, "next_cursor": null}',
    ],
)
def test_a_report_of_another_shape_is_not_a_bill(world: RunningSandbox, body: str) -> None:
    reader = vendor_named("fal").bill
    assert reader is not None
    world.arm("fal", "usage", "error", status=200, body=body)
    with pytest.raises(TransientError):
        reader.read(access(world), DAY, DAY)


def test_a_vendor_that_is_away_keeps_what_was_read(project: Project, world: RunningSandbox) -> None:
    book(project, "1.00")
    bill(world, "fal", "1.00")
    pass_days(project, world)
    read_bills(project)
    pass_days(project, world)
    world.arm("fal", "usage", "error", times=99, status=503)
    sentences = read_bills(project)
    assert any(sentence.startswith("The bill of fal could not be read") for sentence in sentences)
    assert lines(project)[0].billed_usd == 1
    (of_fal,) = [vendor for vendor in vendor_bills(project) if vendor.label == "fal"]
    assert of_fal.note.startswith("read until 2026-11-20, at 2026-11-21 09:00 UTC; the last try failed: ")
    assert unread_bills(project) == {}
    pass_days(project, world)
    read_bills(project)
    assert list(unread_bills(project)) == ["fal"]
    world.clear_faults()
    read_bills(project)
    assert unread_bills(project) == {}


def test_a_first_bill_may_be_away_for_a_day(project: Project, world: RunningSandbox) -> None:
    book(project, "1.00")
    world.arm("fal", "usage", "error", times=99, status=503)
    pass_days(project, world)
    for unread in ([], [], ["fal"]):
        read_bills(project)
        assert list(unread_bills(project)) == unread
        pass_days(project, world)


def test_bills_are_read_two_hours_after_the_vendors_day(project: Project, world: RunningSandbox) -> None:
    def due() -> list[str]:
        return [chore.about for chore in due_chores(project, targets=everything_to("log")) if chore.name == "bills"]

    assert due() == []
    book(project, "1.00")
    assert due() == []
    pass_days(project, world)
    assert due() == ["what anthropic, openai, fal bill"]
    read_bills(project)
    assert due() == []
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=15, minutes=1)
    assert due() == []
    project.clock.move(hours=2)
    assert due() == ["what anthropic, openai, fal bill"]


def test_without_an_admin_key_a_vendor_is_not_reported(make_project: MakeProject) -> None:
    project = make_project(world="live", clock=FakeClock(NINE + timedelta(days=1)))
    book(project, "1.00", world="live")
    assert read_bills(project) == []
    (of_fal,) = vendor_bills(project)
    assert [of_fal.total.booked_usd, of_fal.total.billed_usd] == [Decimal(1), None]
    assert of_fal.note == "not reported: FAL_ADMIN_KEY is not set"


def test_a_snapshots_bill_is_its_models(project: Project) -> None:
    book(project, "1.00", model="gpt-6-luna")
    with project.catalog.write() as connection:
        row = {"world": "sandbox", "vendor": "fal", "day": DAY, "usd_by_model": {"gpt-6-luna-2026-08-01": "1.00"}}
        connection.execute(bills.insert().values(**row, read_at=NINE))
    (line,) = lines(project)
    assert line.model == "gpt-6-luna"
    assert [line.booked_usd, line.billed_usd] == [Decimal(1), Decimal(1)]


def test_voices_count_on_the_bill_of_their_account(project: Project, world: RunningSandbox) -> None:
    bill(world, "fal", "0.10")
    book(project, "0.10", target="fal_speech")
    pass_days(project, world)
    read_bills(project)
    (line,) = lines(project)
    assert (line.provider, line.booked_usd, line.difference_usd) == ("fal", Decimal("0.10"), Decimal(0))
