"""Speaking the narration: once, again when its words or voice change; a billed voice through the caps."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import update

from dayreel.clock import SystemClock
from dayreel.errors import (
    ConfigurationError,
    ContentRefusedError,
    GateClosedError,
    PermanentError,
    ProviderError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.providers.speech import edge
from dayreel.providers.speech.contract import LOOKS_UP, Speech, SpeechFailed, SpeechRequest
from dayreel.providers.video.contract import Lookup
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.content import Idea, NarrationTrack
from dayreel.schemas.effect import EffectKey
from dayreel.services.making.narrate import narrate
from dayreel.services.making.open_content import open_content
from dayreel.services.making.preflight import preflight
from dayreel.services.making.stages import Product, Work, run_stage
from dayreel.services.project import Project
from dayreel.services.upkeep import reconcile as reconcile_module
from dayreel.services.upkeep.reconcile import reconcile, resolve
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.stores.catalog.tables import effects
from dayreel.vendors.access import Access
from dayreel.vendors.registry import vendor_named
from tests.fakes.clock import FakeClock
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows, write_channel
from tests.fakes.sandbox import RunningSandbox
from tests.fakes.speech import FakeSpeech

VOICE = {"provider": "edge", "voice": "en-GB-SoniaNeural"}
WITH_FALLBACK = {**VOICE, "fallback": {"provider": "espeak", "voice": "en"}}


@pytest.fixture
def project(make_project: Callable[..., Project]) -> Project:
    opened = make_project(channels={"crafts": {"narration": VOICE}})
    speak_of(opened, "Wet clay rises")
    return opened


def speak_of(project: Project, text: str) -> None:
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay", narration=text)
    row = open_content(project, channel_of(project), DAY)
    run_stage(project, row, Work("ideas", text, "a"), lambda: Product({"idea": idea}))


def test_the_narration_is_spoken_once_with_its_word_times(project: Project) -> None:
    speech = FakeSpeech()
    track = narrate(project, channel_of(project), DAY, speech=speech).manifest.narration
    assert track is not None
    assert [word.text for word in track.words] == ["Wet", "clay", "rises"]
    assert (track.duration_s, track.voice, track.file.path) == (3.0, "en-GB-SoniaNeural", "narration.mp3")
    assert narrate(project, channel_of(project), DAY, speech=speech).reused
    assert speech.spoken == ["Wet clay rises"]


def test_other_words_or_another_voice_are_spoken_again(project: Project) -> None:
    speech = FakeSpeech()
    narrate(project, channel_of(project), DAY, speech=speech)
    speak_of(project, "Dry clay breaks")
    narrate(project, channel_of(project), DAY, speech=speech)
    write_channel(project.settings.root, "crafts", narration={**VOICE, "rate": "+10%"})
    narrate(project, channel_of(project), DAY, speech=speech)
    assert speech.spoken == ["Wet clay rises", "Dry clay breaks", "Dry clay breaks"]


def test_an_unavailable_voice_is_retried_but_not_an_unknown_one(project: Project) -> None:
    away = TransientError(attempted="speak", answer="HTTP 503")
    narrate(project, channel_of(project), DAY, speech=FakeSpeech([away, away]))
    assert isinstance(project.clock, FakeClock)
    assert project.clock.slept == [1, 2]
    speak_of(project, "Other words")
    no_voice = PermanentError(attempted="speak", answer="no such voice")
    with pytest.raises(PermanentError, match="no such voice"):
        narrate(project, channel_of(project), DAY, speech=FakeSpeech([no_voice]))
    assert content_row(project, ID).last_good_state == "voicing"


OTHER_VOICE = {**VOICE, "voice": "en-GB-RyanNeural"}


@pytest.mark.parametrize("choice", [OTHER_VOICE, {**VOICE, "fallback": {**OTHER_VOICE}}], ids=["another", "fallback"])
def test_a_refused_voice_is_replaced_and_the_day_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch, choice: dict[str, Any]
) -> None:
    with pytest.raises(PermanentError):
        narrate(project, channel_of(project), DAY, speech=FakeSpeech([NO_VOICE]))
    write_channel(project.settings.root, "crafts", narration=choice)
    monkeypatch.setattr(Project, "connect", lambda _project, _name: FakeSpeech())
    reopen_refused(project, ID)
    first = FakeSpeech([NO_VOICE] if "fallback" in choice else [])
    track = narrate(project, channel_of(project), DAY, speech=first).manifest.narration
    assert track is not None
    assert (track.voice, content_row(project, ID).state) == ("en-GB-RyanNeural", "voicing")


def test_a_channel_that_does_not_speak_says_so(make_project: Callable[..., Project]) -> None:
    project = make_project()
    speak_of(project, "")
    with pytest.raises(UsageError, match="does not speak"):
        narrate(project, channel_of(project), DAY, speech=FakeSpeech())


def test_what_an_older_version_has_spoken_stays(project: Project) -> None:
    """Also a WAV file that is called `.mp3`, as all files once were."""
    path = project.contents.folder(ID) / "narration.mp3"
    path.write_bytes(b"RIFF")
    track = NarrationTrack(
        file=project.contents.record(ID, path), duration_s=2, provider="edge", voice="en-GB-SoniaNeural"
    )
    row = open_content(project, channel_of(project), DAY)
    # The fingerprint of version 27728b3, whose voices had neither a model nor a fallback.
    before = fingerprint(code="1", text="Wet clay rises", voice={**VOICE, "rate": "+0%"})
    run_stage(project, row, Work("narration", before, "edge"), lambda: Product({"narration": track}))
    write_channel(project.settings.root, "crafts", narration=WITH_FALLBACK)
    assert narrate(project, channel_of(project), DAY, speech=FakeSpeech()).reused


def test_a_file_is_called_what_it_is(project: Project) -> None:
    narrate(project, channel_of(project), DAY, speech=FakeSpeech())
    speak_of(project, "Dry clay breaks")
    track = narrate(project, channel_of(project), DAY, speech=FakeSpeech(suffix=".wav")).manifest.narration
    assert track is not None
    assert (
        [path.name for path in project.contents.folder(ID).glob("narration*")] == [track.file.path] == ["narration.wav"]
    )


# -- a voice in another's place ----------------------------------------------------------------------------------------

AWAY = TransientError(attempted="speak", answer="HTTP 503")
NO_VOICE = PermanentError(attempted="speak", answer="no such voice")


@pytest.fixture
def with_fallback(project: Project, monkeypatch: pytest.MonkeyPatch) -> FakeSpeech:
    """The second voice of a channel."""
    write_channel(project.settings.root, "crafts", narration=WITH_FALLBACK)
    speech = FakeSpeech(name="espeak", suffix=".wav")
    monkeypatch.setattr(Project, "connect", lambda _project, name: {"espeak": speech}[name])
    return speech


@pytest.mark.parametrize("raised", [[NO_VOICE], [AWAY, AWAY, AWAY]], ids=["refused", "away"])
def test_a_named_fallback_speaks_and_is_on_record(
    project: Project, with_fallback: FakeSpeech, raised: list[Exception]
) -> None:
    made = narrate(project, channel_of(project), DAY, speech=FakeSpeech(raised))
    track = made.manifest.narration
    assert track is not None
    assert (track.provider, track.voice, track.file.path) == ("espeak", "en", "narration.wav")
    assert made.record.provider == "espeak"
    assert made.record.parameters["fallback_for"] == "edge en-GB-SoniaNeural"
    assert str(raised[0].args[0]) in made.record.parameters["because"]
    assert narrate(project, channel_of(project), DAY, speech=FakeSpeech()).reused, "no other voice on the next run"


def test_a_passing_fault_changes_no_voice(project: Project, with_fallback: FakeSpeech) -> None:
    track = narrate(project, channel_of(project), DAY, speech=FakeSpeech([AWAY, AWAY])).manifest.narration
    assert track is not None
    assert (track.provider, with_fallback.spoken) == ("edge", [])


@pytest.mark.parametrize("kind", [UnknownOutcomeError, ContentRefusedError])
def test_no_voice_speaks_in_doubt_or_refused_words(
    billed: Project, with_fallback: FakeSpeech, kind: type[ProviderError]
) -> None:
    speech = FakeSpeech([kind(attempted="speak", answer="no")])
    with pytest.raises(kind):
        narrate(billed, channel_of(billed), DAY, speech=speech)
    with pytest.raises(ProviderError):  # nor in a later run
        narrate(billed, channel_of(billed), DAY, speech=speech)
    assert (len(speech.spoken), with_fallback.spoken) == (1, [])


def test_other_words_wait_while_a_narration_is_in_doubt(billed: Project, with_fallback: FakeSpeech) -> None:
    lost = UnknownOutcomeError(attempted="speak", answer="the connection closed")
    with pytest.raises(UnknownOutcomeError):
        narrate(billed, channel_of(billed), DAY, speech=FakeSpeech([lost]))
    speak_of(billed, "Dry clay breaks")
    with pytest.raises(PermanentError):
        narrate(billed, channel_of(billed), DAY, speech=FakeSpeech([NO_VOICE]))
    assert with_fallback.spoken == []


# -- a voice that bills ------------------------------------------------------------------------------------------------

PRICE = """- {provider: edge, model: en-GB-SoniaNeural, per_mchar_usd: "30000", source: a page, checked_on: 2026-11-30}
"""
COST = Decimal("0.42")  # fourteen bytes at three cents
ID = "crafts-2026-11-20"


@pytest.fixture
def billed(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Edge's voices, were they not free."""
    monkeypatch.setattr(edge, "VENDOR", replace(edge.VENDOR, free=False))
    (project.settings.root / "prices.yaml").write_text(PRICE)
    return project


def booked(project: Project) -> list[tuple[int, str, Decimal, Decimal | None]]:
    rows = ledger_rows(project, kind="narration")
    return [(row["sequence"], row["state"], row["reserved_usd"], row["settled_usd"]) for row in rows]


def test_a_billed_voice_is_reserved_and_booked(billed: Project) -> None:
    speech = FakeSpeech()
    result = narrate(billed, channel_of(billed), DAY, speech=speech)
    assert booked(billed) == [(1, "confirmed", COST, COST)]
    assert [permit.reserved_usd for permit in speech.permits] == [COST]
    assert (result.record.cost_usd, len(result.record.effect_ids)) == (COST, 1)


def test_a_cap_holds_a_billed_voice(billed: Project) -> None:
    speech = FakeSpeech()
    write_channel(billed.settings.root, "crafts", narration=VOICE, budget={"per_content_usd": "0.41"})
    with pytest.raises(GateClosedError, match=r"it may cost \$0\.4200"):
        narrate(billed, channel_of(billed), DAY, speech=speech)
    assert speech.spoken == []


def test_a_billed_voice_without_a_price_cannot_be_used(billed: Project) -> None:
    (billed.settings.root / "prices.yaml").write_text("")
    for use in (lambda: narrate(billed, channel_of(billed), DAY, speech=FakeSpeech()), lambda: preflight_of(billed)):
        with pytest.raises(ConfigurationError, match="'en-GB-SoniaNeural' has no price"):
            use()


def preflight_of(project: Project) -> None:
    preflight(project, channel_of(project), free_bytes=10**12)


@pytest.mark.parametrize("was_billed", [True, False])
def test_a_lost_narration_waits_for_a_person(billed: Project, was_billed: bool) -> None:
    speech = FakeSpeech([UnknownOutcomeError(attempted="speak", answer="the connection closed")])
    for _ in range(2):
        with pytest.raises(UnknownOutcomeError):
            narrate(billed, channel_of(billed), DAY, speech=speech)
    (parked,) = reconcile(billed)
    assert (parked.outcome, len(speech.spoken)) == ("parked", 1)

    resolve(billed, parked.effect_id, reference="n-1" if was_billed else None, by="ana")
    narrate(billed, channel_of(billed), DAY, speech=speech)

    assert len(speech.spoken) == 2
    paid = [(1, "confirmed", COST, COST)]
    assert booked(billed) == ([*paid, (2, "confirmed", COST, COST)] if was_billed else paid)


class KeptSpeech(FakeSpeech):
    """A voice whose vendor keeps what it has spoken."""

    def find(self, _key: EffectKey, request: SpeechRequest, *, sent_at: datetime) -> Lookup:
        handles = ({"history_item_id": "h-1"},) if request.text in self.spoken else ()
        return Lookup(handles, proves_absence=False, evidence="of its history, one can be it")

    def collect(self, handle: Mapping[str, Any], request: SpeechRequest, *, dest: Path) -> Speech:
        assert handle["history_item_id"] == "h-1"
        path = dest.with_suffix(".mp3")
        path.write_bytes(request.text.encode())
        return Speech(path, 2.0, ())


@pytest.mark.parametrize("by_person", [True, False])
def test_a_lost_narration_that_is_kept_is_fetched(
    billed: Project, monkeypatch: pytest.MonkeyPatch, by_person: bool
) -> None:
    keeps = replace(edge.VENDOR, handle="history_item_id", can=(LOOKS_UP,))
    monkeypatch.setattr(edge, "VENDOR", keeps)
    monkeypatch.setattr(reconcile_module, "vendors", lambda _family: (keeps,))
    speech = KeptSpeech([UnknownOutcomeError(attempted="speak", answer="the connection closed")])
    monkeypatch.setattr(Project, "connect", lambda _project, _name: speech)
    with pytest.raises(UnknownOutcomeError):
        narrate(billed, channel_of(billed), DAY, speech=speech)
    if by_person:
        resolve(billed, ledger_rows(billed, kind="narration")[0]["id"], reference="h-1", by="ana")
    else:
        assert [outcome.outcome for outcome in reconcile(billed)] == ["goes_on"]
    track = narrate(billed, channel_of(billed), DAY, speech=speech).manifest.narration
    assert track is not None
    assert billed.contents.path(ID, track.file).read_bytes() == b"Wet clay rises"
    assert (len(speech.spoken), booked(billed)) == (1, [(1, "confirmed", COST, COST)])


def test_what_is_gone_is_booked_and_bought_again(billed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    keeps = replace(edge.VENDOR, handle="history_item_id", can=(LOOKS_UP,))
    monkeypatch.setattr(edge, "VENDOR", keeps)
    monkeypatch.setattr(reconcile_module, "vendors", lambda _family: (keeps,))
    gone = PermanentError(attempted="fetch", answer="HTTP 404")
    voice = QueuedVoice([gone, gone])
    for _ in range(2):
        with pytest.raises(PermanentError, match="HTTP 404") as caught:
            narrate(billed, channel_of(billed), DAY, speech=voice)
    (effect,) = ledger_rows(billed, kind="narration")
    assert f"`dayreel reconcile --effect {effect['id']} --found h-1` books it" in caught.value.next_step
    assert resolve(billed, effect["id"], reference="h-1", by="ana").outcome == "written_off"
    narrate(billed, channel_of(billed), DAY, speech=voice)
    assert booked(billed) == [(1, "confirmed", COST, COST), (2, "confirmed", COST, COST)]


class QueuedVoice(KeptSpeech):
    """A voice that speaks later: what `collects` holds comes first, one per look."""

    def __init__(self, collects: list[Exception]) -> None:
        super().__init__()
        self.collects, self.submitted = collects, 0

    def submit(self, _permit: Any, _request: SpeechRequest) -> dict[str, Any]:
        self.submitted += 1
        return {"history_item_id": "h-1"}

    def collect(self, handle: Mapping[str, Any], request: SpeechRequest, *, dest: Path) -> Speech:
        if self.collects:
            raise self.collects.pop(0)
        return super().collect(handle, request, dest=dest)


def test_a_queued_narration_is_waited_for_and_bought_once(billed: Project, with_fallback: FakeSpeech) -> None:
    voice = QueuedVoice([AWAY, AWAY, AWAY])
    with pytest.raises(TransientError):
        narrate(billed, channel_of(billed), DAY, speech=voice)
    assert (with_fallback.spoken, booked(billed)) == ([], [(1, "sent", COST, None)]), "it may still be spoken"
    track = narrate(billed, channel_of(billed), DAY, speech=voice).manifest.narration
    assert track is not None
    assert (track.provider, voice.submitted, booked(billed)) == ("edge", 1, [(1, "confirmed", COST, COST)])


def test_a_queued_narration_that_failed_is_free_and_replaced(billed: Project, with_fallback: FakeSpeech) -> None:
    voice = QueuedVoice([SpeechFailed(NO_VOICE)])
    track = narrate(billed, channel_of(billed), DAY, speech=voice).manifest.narration
    assert track is not None
    assert (track.provider, booked(billed)[0][1:]) == ("espeak", ("refused", COST, Decimal(0)))


BOTH_BILLED = PRICE + PRICE.replace("Sonia", "Ryan")
LOST = UnknownOutcomeError(attempted="speak", answer="the connection closed")


@pytest.fixture
def both_billed(billed: Project) -> Project:
    (billed.settings.root / "prices.yaml").write_text(BOTH_BILLED)
    write_channel(billed.settings.root, "crafts", narration={**VOICE, "fallback": OTHER_VOICE})
    return billed


def fall_back(project: Project, monkeypatch: pytest.MonkeyPatch, second: FakeSpeech) -> None:
    """Let the second voice begin to speak, in a run that ends before its narration is recorded."""
    monkeypatch.setattr(Project, "connect", lambda _project, _name: second)
    with (
        patch("dayreel.services.making.narrate._kept", side_effect=KeyboardInterrupt),
        pytest.raises((ProviderError, KeyboardInterrupt)),
    ):
        narrate(project, channel_of(project), DAY, speech=FakeSpeech([AWAY, AWAY, AWAY]))


@pytest.mark.parametrize("second", [FakeSpeech(), QueuedVoice([AWAY, AWAY, AWAY])], ids=["spoken", "queued"])
def test_a_fallback_that_was_bought_goes_on(
    both_billed: Project, monkeypatch: pytest.MonkeyPatch, second: FakeSpeech
) -> None:
    fall_back(both_billed, monkeypatch, second)
    first = FakeSpeech()
    made = narrate(both_billed, channel_of(both_billed), DAY, speech=first)
    assert made.manifest.narration is not None
    assert (made.manifest.narration.voice, first.spoken) == ("en-GB-RyanNeural", []), "its first voice is not bought"
    assert "HTTP 503" in made.record.parameters["because"]
    assert [row[1] for row in booked(both_billed)] == ["intended", "confirmed"]


def test_a_fallback_in_doubt_is_looked_up_first(both_billed: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fall_back(both_billed, monkeypatch, FakeSpeech([LOST]))
    first = FakeSpeech()
    with pytest.raises(UnknownOutcomeError):
        narrate(both_billed, channel_of(both_billed), DAY, speech=first)
    (parked,) = reconcile(both_billed)
    resolve(both_billed, parked.effect_id, reference=None, by="ana")
    track = narrate(both_billed, channel_of(both_billed), DAY, speech=first).manifest.narration
    assert track is not None
    assert (track.voice, len(first.spoken)) == ("en-GB-SoniaNeural", 1), "nothing was bought, so the first voice speaks"


def test_a_lost_answer_that_costs_nothing_is_asked_again(project: Project, with_fallback: FakeSpeech) -> None:
    """Of a server of one's own: nothing is paid twice, so nobody has to look."""
    narrate(project, channel_of(project), DAY, speech=FakeSpeech([LOST, LOST]))
    assert (with_fallback.spoken, booked(project)) == ([], [(1, "confirmed", Decimal(0), Decimal(0))])
    speak_of(project, "Dry clay breaks")
    narrate(project, channel_of(project), DAY, speech=FakeSpeech([LOST, LOST, LOST]))
    assert with_fallback.spoken == ["Dry clay breaks"]


BILLED = {
    "elevenlabs": {"model": "eleven_multilingual_v2", "voice": "JBFqnCBsd6RMkjVDRZzb"},
    "fal_speech": {"model": "fal-ai/elevenlabs/tts/eleven-v3", "voice": "Rachel"},
}


@pytest.mark.slow
@pytest.mark.parametrize(("vendor", "route"), [("elevenlabs", "speak"), ("fal_speech", "submit")])
def test_a_lost_answer_of_a_stand_in_is_paid_once(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, vendor: str, route: str
) -> None:
    project = make_project(channels={"crafts": {"narration": {"provider": vendor, **BILLED[vendor]}}})
    speak_of(project, "Wet clay rises")
    pace = {"fal_queue_s": 0, "fal_render_s": 0}
    with RunningSandbox(tmp_path / "world", pace=pace) as world:
        access = Access("sandbox", world.credentials.get, world.url, project.clock, project.settings.root)
        voice = vendor_named(vendor).connect(access)
        monkeypatch.setattr(Project, "connect", lambda _project, _name: voice)
        assert isinstance(project.clock, FakeClock)
        project.clock.move(seconds=(SystemClock().now() - project.clock.now()).total_seconds())
        world.arm(vendor.partition("_")[0], route, "lose_answer", times=1)
        with pytest.raises(UnknownOutcomeError):
            narrate(project, channel_of(project), DAY, speech=voice)
        assert [outcome.outcome for outcome in reconcile(project)] == ["goes_on"]
        made = narrate(project, channel_of(project), DAY, speech=voice)
        (billed,) = world.effects()["generations"]
    track = made.manifest.narration
    assert track is not None
    assert [word.text for word in track.words] == ["Wet", "clay", "rises"]
    assert made.record.cost_usd == Decimal(billed["cost_usd"]) == Decimal("0.0014")
    assert (made.record.model, [row[1] for row in booked(project)]) == (BILLED[vendor]["model"], ["confirmed"])


def test_a_text_beyond_its_models_limit_is_not_bought(billed: Project) -> None:
    row = {"provider": "edge", "model": VOICE["voice"], "family": "speech", "text_limit": 13, "source": "a page"}
    facts = "".join(f"  {name}: {value}\n" for name, value in {**row, "checked_on": "2026-11-30"}.items())
    (billed.settings.root / "models.yaml").write_text("-" + facts[1:])
    speech = FakeSpeech()
    with pytest.raises(ConfigurationError, match=r"has 14 characters, and .* takes 13; nothing was bought"):
        narrate(billed, channel_of(billed), DAY, speech=speech)
    assert speech.spoken == []
    assert content_row(billed, ID).last_good_state == "voicing"


def test_what_was_spoken_before_a_crash_is_not_bought_again(billed: Project) -> None:
    speech = FakeSpeech()

    def dies(*_what: object) -> None:
        raise KeyboardInterrupt

    with patch("dayreel.services.making.narrate._kept", dies), pytest.raises(KeyboardInterrupt):
        narrate(billed, channel_of(billed), DAY, speech=speech)
    track = narrate(billed, channel_of(billed), DAY, speech=speech).manifest.narration
    assert track is not None
    assert len(speech.spoken) == len(booked(billed)) == 1
    billed.contents.path(ID, track.file).unlink()
    narrate(billed, channel_of(billed), DAY, speech=speech)
    assert [row[:2] for row in booked(billed)] == [(1, "confirmed"), (2, "confirmed")], "a lost file is bought again"


def test_a_free_voice_is_asked_again_after_a_crash(project: Project) -> None:
    """Nothing is lost with its answer, so nobody has to look."""
    row = ledger_after_a_crash(project)
    assert row["state"] == "sent"
    assert [outcome.outcome for outcome in reconcile(project)] == ["released"]
    narrate(project, channel_of(project), DAY, speech=FakeSpeech())
    assert booked(project) == [(1, "confirmed", Decimal(0), Decimal(0))]


def ledger_after_a_crash(project: Project) -> dict[str, Any]:
    """Return the row of a narration whose process was killed while the voice spoke."""

    class Killed(BaseException):
        pass

    class Dying(FakeSpeech):
        def speak(self, *_what: Any, **_more: Any) -> Any:
            raise Killed

    with pytest.raises(Killed):
        narrate(project, channel_of(project), DAY, speech=Dying())
    with project.catalog.write() as connection:
        connection.execute(update(effects).values(owner=f"gone:{'0' * 8}:1:1", lease_until_at=project.clock.now()))
    return ledger_rows(project, kind="narration")[0]
