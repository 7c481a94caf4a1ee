"""`dayreel setup`: every answer is tested before it is kept, and no secret is ever shown."""

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dayreel.cli.setup_command import command
from dayreel.sandbox import credentials as sandbox_keys
from dayreel.settings import load_settings
from tests.fakes.sandbox import RunningSandbox

Answer = Callable[..., Result]
GOOD, BAD = sandbox_keys.FAL_KEY, "marked-wrong-fal-key"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("world")) as sandbox:
        yield sandbox


@pytest.fixture
def answer(world: RunningSandbox, project: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Type answers, one a line; the stand-ins are the vendors that are asked."""
    monkeypatch.setenv("DAYREEL_SANDBOX_URL", world.url)

    def typed(vendors: tuple[str, ...], *answers: str) -> Result:
        return CliRunner().invoke(
            command, list(vendors), input="".join(f"{line}\n" for line in answers), standalone_mode=False
        )

    return typed


def env(project: Path) -> str:
    path = project / ".env"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_a_working_answer_is_saved_privately_and_never_shown(answer: Answer, project: Path) -> None:
    result = answer(("fal",), GOOD, "n")
    assert (result.exception, result.return_value) == (None, 0)
    assert f"FAL_KEY={GOOD}\n" in env(project)
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert GOOD not in result.output
    assert "works: the key is accepted" in result.output


def test_a_refused_answer_is_asked_for_again_and_not_saved(answer: Answer, project: Path) -> None:
    result = answer(("fal",), BAD, "y", GOOD, "n")
    assert result.return_value == 0
    assert BAD not in env(project) + result.output
    assert GOOD in env(project)
    assert "Check FAL_KEY" in result.output


def test_a_bad_answer_never_takes_the_place_of_a_good_one(answer: Answer, project: Path) -> None:
    answer(("fal",), GOOD, "n")
    result = answer(("fal",), BAD, "n")
    assert result.return_value == 1
    assert "nothing was changed" in result.output
    assert load_settings().variable("FAL_KEY") == GOOD


def test_enter_skips_what_is_not_set_and_keeps_what_is(answer: Answer, project: Path) -> None:
    assert "skipped: FAL_KEY not set" in answer(("fal",), "", "n").output
    assert env(project) == ""
    answer(("fal",), GOOD, "n")
    before = env(project)
    assert "works" in answer(("fal",), "", "n").output
    assert env(project) == before


def test_a_service_that_is_down_is_for_the_person_to_decide(
    answer: Answer, project: Path, world: RunningSandbox
) -> None:
    world.arm("fal", "status", "error", times=2, status=503)
    try:
        assert "nothing was changed" in answer(("fal",), GOOD, "n", "n").output
        assert env(project) == ""
        answer(("fal",), GOOD, "y", "n")
        assert GOOD in env(project)
    finally:
        world.clear_faults()


def test_the_other_lines_of_the_file_stay_as_they_are(answer: Answer, project: Path) -> None:
    (project / ".env").write_text("# mine\nDAYREEL_LOG_LEVEL=debug\n#FAL_KEY=\nOTHER='kept as it is'\n")
    (project / ".env").chmod(0o644)
    answer(("fal",), GOOD, "n")
    assert env(project) == f"# mine\nDAYREEL_LOG_LEVEL=debug\nFAL_KEY={GOOD}\nOTHER='kept as it is'\n"
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600


def test_a_token_that_can_be_renewed_gets_a_key_to_keep_it_with(answer: Answer, project: Path) -> None:
    token = sandbox_keys.INSTAGRAM_LOGIN_TOKEN
    result = answer(("instagram",), token, sandbox_keys.INSTAGRAM_ACCOUNT_ID, "n")
    assert "Made DAYREEL_TOKEN_KEY" in result.output
    key = load_settings().token_key
    assert key is not None
    assert key.get_secret_value() not in result.output
    assert token not in result.output
    assert answer(("instagram",), "", "", "n").output.count("Made DAYREEL_TOKEN_KEY") == 0


def test_the_live_world_is_entered_only_when_a_person_says_so(answer: Answer, project: Path) -> None:
    answer(("fal",), GOOD, "n")
    assert load_settings().world == "sandbox"
    answer(("fal",), "", "y")
    assert load_settings().world == "live"


def test_without_names_it_asks_for_used_vendors_and_notifiers(answer: Answer) -> None:
    output = answer((), *[""] * 40).output
    asked = [line for line in output.splitlines() if line and not line.startswith(" ")]
    assert {"anthropic", "openai", "fal", "instagram", "tiktok", "youtube", "slack", "ntfy"} <= set(asked)
    assert "kling" not in asked
