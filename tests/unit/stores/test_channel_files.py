"""Channel files: what is wrong is named by file, line and field, with what is allowed."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import ConfigurationError, UsageError
from dayreel.stores.channel_files import MAX_EXTENDS, ChannelFiles

SAMPLES = Path(__file__).parents[3] / "channels"
GOOD = """\
title: Crafts
topic: A craft
content_type: crafts
active_from: 2026-11-01
ideas: {provider: anthropic, model: claude-sonnet-5-5}
prompts: {provider: openai, model: gpt-6-luna}
video:
  provider: fal
  model: fal-ai/wan-25-preview/text-to-video
"""


def files(folder: Path, **texts: str) -> ChannelFiles:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return ChannelFiles(folder)


def problems_of(folder: Path, text: str) -> list[str]:
    return [str(problem) for problem in files(folder, crafts=text).problems()]


def laughs(levels: int) -> str:
    """Return lines of which each stands for ten of the line before."""
    rows = [f"x{number}: &x{number} [{', '.join([f'*x{number - 1}'] * 10)}]" for number in range(1, levels)]
    return "\n".join(["x0: &x0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]", *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (laughs(9), "crafts.yaml:1: file: its aliases repeat values until there are more than 20000 of them"),
        (laughs(9) + "merged: {<<: *x8}\n", "crafts.yaml:1: file: its aliases repeat values"),
        ("a: &a {b: *a}\n", "crafts.yaml:1: file: its aliases repeat values"),
        (f"a: {'[' * 3000}{']' * 3000}\n", "crafts.yaml:1: file: its values are nested too deep"),
    ],
    ids=["a billion laughs", "merged in", "a value that contains itself", "brackets in brackets"],
)
def test_a_small_file_cannot_stand_for_a_huge_one(tmp_path: Path, text: str, problem: str) -> None:
    (reported,) = problems_of(tmp_path, text)
    assert reported.startswith(problem)


def test_aliases_of_a_few_values_are_read(tmp_path: Path) -> None:
    text = GOOD + "safety: {blocked_terms: &terms [knife, fire]}\nplatforms: {instagram: {hashtags: *terms}}\n"
    assert problems_of(tmp_path, text) == []


def test_every_sample_is_valid() -> None:
    channels = ChannelFiles(SAMPLES)
    assert {"asmr_crafts", "tiny_histories"} <= set(channels.names())
    assert channels.problems() == []
    assert all(channel.publish_windows == ("00:00-24:00",) for channel in channels.load_all().values())


@pytest.mark.parametrize("example", sorted(SAMPLES.glob("*.yaml.example")), ids=lambda path: path.name)
def test_every_example_is_valid_once_it_is_copied(example: Path, tmp_path: Path) -> None:
    shutil.copy(example, tmp_path / example.name.removesuffix(".example"))
    assert ChannelFiles(tmp_path).problems() == []
    assert not ChannelFiles(SAMPLES).names().count(example.name.split(".", maxsplit=1)[0])


def test_there_is_an_example_that_needs_no_key(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "field_notes.yaml.example", tmp_path / "field_notes.yaml")
    channel = ChannelFiles(tmp_path).load("field_notes")
    assert (channel.ideas.provider, channel.video.provider, channel.prompts) == ("calendar", "clips", None)
    assert list(channel.platforms.chosen()) == ["outbox"]


def test_a_good_file_becomes_a_channel_of_its_name(tmp_path: Path) -> None:
    channel = files(tmp_path, crafts=GOOD).load("crafts")
    assert (channel.name, channel.segments.total_s, channel.narration) == ("crafts", 15, None)


def test_an_unknown_field_is_shown_with_line_and_allowed_fields(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, GOOD + "titel: x\n")
    assert problem.startswith(
        "crafts.yaml:10: titel: unknown field (did you mean 'title'?); allowed here: active_from, "
    )
    (problem,) = problems_of(tmp_path, GOOD + "  modle: x\n")
    fields = (
        "first_frame, fit, folder, in_points, last_frame, library, model, negative_prompt, provider, reference, stills"
    )
    allowed = f"allowed here: {fields}"
    assert problem == f"crafts.yaml:10: video.modle: unknown field (did you mean 'model'?); {allowed}"
    (problem,) = problems_of(tmp_path, GOOD + "  x: x\n")
    assert problem == f"crafts.yaml:10: video.x: unknown field; {allowed}"
    (problem,) = problems_of(tmp_path, GOOD + "platforms:\n  tiktok:\n    privacy: SELF_ONLY\n    duet: true\n")
    assert problem.startswith("crafts.yaml:13: platforms.tiktok.duet: unknown field; allowed here: ai_disclosure, ")


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("segments: {count: 0}", "10: segments.count", "greater than or equal to 1"),
        ("language: English", "10: language", "pattern"),
        ("timezone: Madrid", "10: timezone", "write it like `Europe/Madrid`"),
        ("publish_windows: ['18:00-25:00']", "10: publish_windows", "write it like `18:00-21:30`"),
        ("publish_windows: ['18:00-18:00']", "10: publish_windows", "starts and ends at the same minute"),
        ("narration: {provider: siri, voice: x}", "10: narration.provider", "'edge'"),
        ("platforms: {tiktok: {}}", "10: platforms.tiktok", "a direct post needs `privacy`"),
        ("platforms: {youtube: {privacy: secret}}", "10: platforms.youtube.privacy", "'public', 'unlisted' or"),
        ("budget: {per_day_usd: 0}", "10: budget.per_day_usd", "greater than 0"),
        ("max_posts_per_day: many", "10: max_posts_per_day", "it is not a whole number"),
        ("language: 12", "10: language", "write it as text, in quotes"),
        ("narration: loud", "10: narration", "write it as fields; allowed here: fallback, model, provider"),
        ("publish_windows: 18:00-20:00", "10: publish_windows", "write it as a list"),
        ("learn_from_results: maybe", "10: learn_from_results", "write true or false"),
        ("weekdays: [monday]", "10: weekdays.0", "'mon', 'tue'"),
        ("weekdays: []", "1: file", "weekdays is empty"),
        ("edit: {music: {file: a.mp3}}", "10: edit.music.licence", "it is needed"),
        ("edit: {music: {licence: mine}}", "10: edit.music", "music needs either `file` or `folder`"),
        ("edit: {hook: {text: 'Look at {idea}'}}", "10: edit.hook.text", "{idea} is not known; `{title}` is"),
        ("edit: {hook: {text: 'A {title:>5d}'}}", "10: edit.hook.text", "{title} stands in 'A {title:>5d}' with more"),
        ("edit: {hook: {text: 'A {title!q}'}}", "10: edit.hook.text", "{title} stands in 'A {title!q}' with more than"),
        ("edit: {hook: {text: 'Look {'}}", "10: edit.hook.text", "a brace too many or too few"),
        ("edit: {end_card: {duration_s: 2}}", "10: edit.end_card", "needs `text` or `picture`"),
        ("edit: {grade: {strength: 0.5}}", "10: edit.grade", "needs either `look` or `file`"),
        ("edit: {transition: {kind: swirl}}", "10: edit.transition.kind", "'crossfade', 'dip_to_black'"),
        ("segments: {duration_s: 1}\nedit: {transition: {duration_s: 0.6}}", "1: file", "too long at both ends"),
        ("active_until: 2026-10-01", "1: file", "active_until is before active_from"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_can(text: str, where: str, words: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, GOOD + text + "\n")
    assert problem.startswith(f"crafts.yaml:{where}")
    assert words in problem


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("title: Crafts\n", "", "title: it is needed and is not there"),
        ("{provider: anthropic, model: claude-sonnet-5-5}", "{provider: calendar}", "need `file`"),
        ("{provider: anthropic, model: claude-sonnet-5-5}", "{provider: anthropic}", "need `model`"),
        ("prompts: {provider: openai, model: gpt-6-luna}\n", "", "need `prompts`"),
        ("provider: fal", "provider: clips", "need either `folder` or `library`"),
    ],
)
def test_parts_that_belong_together_must_be_there(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in GOOD
    (problem,) = problems_of(tmp_path, GOOD.replace(old, new))
    assert words in problem
    assert problem.startswith("crafts.yaml:")


def test_every_problem_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    channels = files(tmp_path, crafts=GOOD + "a: 1\nb: 2\n", glass=GOOD + "c: 3\n", fine=GOOD)
    assert [(problem.file, problem.line, problem.field) for problem in channels.problems()] == [
        ("crafts.yaml", 10, "a"),
        ("crafts.yaml", 11, "b"),
        ("glass.yaml", 10, "c"),
    ]
    with pytest.raises(ConfigurationError, match=r"(?s)crafts\.yaml:10.*glass\.yaml:10"):
        channels.load_all()
    with pytest.raises(ConfigurationError, match=r"(?m)^`dayreel channels validate`"):
        channels.load("glass")
    assert channels.load("fine").title == "Crafts"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD + "brand: {watermark: [\n", 11, "stream end"),
        (GOOD + "\tdescription: x\n", 10, "\\t"),
        ("title: 'never ends\n", 2, "end of stream"),
        (GOOD + "title: again\n", 10, "'title' is given twice"),
        (GOOD + "  provider: kling\n", 10, "'provider' is given twice"),
        (GOOD.replace("topic: A craft", "topic: {{date}}"), 2, "unhashable key"),
        (GOOD.replace("2026-11-01", "2026-13-45"), 4, "month must be in 1..12"),
        ("- a list\n", 1, "is not a mapping of fields to values"),
        ("", 1, "is not a mapping of fields to values"),
    ],
)
def test_yaml_that_cannot_be_read_is_named_by_its_line(text: str, line: int, words: str, tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith(f"crafts.yaml:{line}: ")
    assert words in problem


def test_a_file_that_is_not_text_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "crafts.yaml").write_bytes(b"title: \xff\xfe")
    (problem,) = ChannelFiles(tmp_path).problems()
    assert "crafts.yaml cannot be read" in problem.message


def test_an_unknown_channel_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none yet"):
        ChannelFiles(tmp_path).load("glass")
    with pytest.raises(UsageError, match=r"There is no channel 'glass'. Channels are: crafts\."):
        files(tmp_path, crafts=GOOD).load("glass")
    with pytest.raises(UsageError):
        files(tmp_path).load("../crafts")


def test_a_file_extends_another_mapping_by_mapping(tmp_path: Path) -> None:
    base = GOOD + "platforms:\n  tiktok: {privacy: SELF_ONLY, allow_duet: true}\nweekdays: [mon, tue]\n"
    child = "extends: _base\ntitle: Glass\nplatforms:\n  tiktok: {allow_duet: false}\nweekdays: [fri]\n"
    channels = files(tmp_path, _base=base, glass=child)
    assert channels.names() == ["glass"]
    glass = channels.load("glass")
    assert (glass.title, glass.topic, glass.weekdays) == ("Glass", "A craft", ("fri",))
    tiktok = glass.platforms.chosen()["tiktok"].model_dump()
    assert (tiktok["privacy"], tiktok["allow_duet"]) == ("SELF_ONLY", False)


def test_null_takes_a_field_of_the_extended_file_away(tmp_path: Path) -> None:
    base = GOOD + "platforms: {instagram: {}, youtube: {}}\n"
    glass = files(tmp_path, _base=base, glass="extends: _base\nplatforms: {youtube: null}\n").load("glass")
    assert list(glass.platforms.chosen()) == ["instagram"]


def test_a_problem_in_an_extended_file_names_that_file(tmp_path: Path) -> None:
    channels = files(tmp_path, _base=GOOD + "max_posts_per_day: 0\n", glass="extends: _base\ntitle: Glass\n")
    (problem,) = channels.problems()
    assert str(problem).startswith("_base.yaml:10: max_posts_per_day: ")
    (problem,) = files(tmp_path, _base=GOOD + "title: again\n").problems()
    assert str(problem).startswith("_base.yaml:10: ")
    (problem,) = files(tmp_path, _base=GOOD + "brand: [\n").problems()
    assert problem.file == "_base.yaml"


def test_extending_a_missing_file_or_in_a_circle_is_reported(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "title: Crafts\nextends: _base.yaml\n")
    assert problem.startswith("crafts.yaml:2: extends: there is no _base.yaml.yaml beside it; ")
    (problem,) = problems_of(tmp_path, "extends: crafts\n")
    assert f"more than {MAX_EXTENDS} files extend one another" in problem


def test_off_means_no_voice_however_yaml_reads_it(tmp_path: Path) -> None:
    for word in ("off", "'off'", "false", "null"):
        assert files(tmp_path, crafts=GOOD + f"narration: {word}\n").load("crafts").narration is None


def test_times_and_languages_need_no_quotes(tmp_path: Path) -> None:
    text = "make_at: 18:30\nlanguage: no\nplatforms: {instagram: {share_to_feed: off, ai_disclosure: yes}}\n"
    channel = files(tmp_path, crafts=GOOD + text).load("crafts")
    assert (channel.make_at, channel.language) == ("18:30", "no")
    instagram = channel.platforms.chosen()["instagram"].model_dump()
    assert (instagram["share_to_feed"], instagram["ai_disclosure"]) == (False, True)


@pytest.mark.parametrize(
    ("cron", "make_at", "weekdays"),
    [
        ("0 9 * * *", "09:00", "mon tue wed thu fri sat sun"),
        ("30 7 * * 1-5", "07:30", "mon tue wed thu fri"),
        ("5 23 * * sat,SUN", "23:05", "sat sun"),
        ("0  6 * * 5-7,0", "06:00", "fri sat sun"),
        ("0 6 * * fri-mon", "06:00", "mon fri sat sun"),
    ],
)
def test_a_cron_line_is_a_time_and_days(tmp_path: Path, cron: str, make_at: str, weekdays: str) -> None:
    channel = files(tmp_path, crafts=GOOD + f'cron: "{cron}"\n').load("crafts")
    assert (channel.make_at, channel.weekdays) == (make_at, tuple(weekdays.split()))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('cron: "*/5 * * * *"', "is not a cron line of one video a day"),
        ('cron: "0 9 1 * *"', "is not a cron line of one video a day"),
        ('cron: "0 24 * * *"', "is not a cron line of one video a day"),
        ('cron: "0 9 * * moon"', "'moon' in `cron` is not a day of the week"),
        ('cron: "0 9 * * 15"', "'15' in `cron` is not a day of the week"),
        ('cron: "0 9 * * 1-9"', "is not a cron line of one video a day"),
        ('cron: "0 9 * * *"\nmake_at: "09:00"', "`cron` says what `make_at` says"),
    ],
)
def test_a_cron_line_of_other_times_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    assert words in str(problems_of(tmp_path, GOOD + lines + "\n"))


def test_a_missing_file_that_is_named_is_reported_with_its_line(tmp_path: Path) -> None:
    channels = files(tmp_path, _base=GOOD + "brand:\n  watermark: logo.png\n", glass="extends: _base\n")
    (problem,) = channels.oversights()
    assert str(problem) == f"_base.yaml:11: brand.watermark: {tmp_path / 'logo.png'} is not there"
    assert channels.problems() == []  # a drive that is away must not take every other channel with it
    (tmp_path / "logo.png").touch()
    assert channels.oversights() == []


def test_a_file_ignored_because_of_its_ending_is_reported(tmp_path: Path) -> None:
    (tmp_path / "glass.yml").write_text(GOOD, encoding="utf-8")
    (problem,) = files(tmp_path, crafts=GOOD).oversights()
    assert str(problem) == "glass.yml:1: file: nobody reads it: a channel's file is called glass.yaml"


def test_the_schema_knows_no_field_without_a_type(tmp_path: Path) -> None:
    # `allowed here` reads the JSON schema; this keeps it readable for every nested part.
    nested: dict[str, Any] = {"brand": "watermark", "review": "who", "narration": "voice", "budget": "per_day_usd"}
    for part, known in nested.items():
        (problem,) = [
            message
            for message in problems_of(tmp_path, GOOD + f"{part}: {{nonsense: 1, voice: x}}\n")
            if "nonsense" in message
        ]
        assert known in problem


def test_a_renamed_file_keeps_its_channel_by_its_id(tmp_path: Path) -> None:
    channels = files(tmp_path, crafts=f'id: "crafts"  # as it was first called\n{GOOD}', _base="title: Base\n")
    assert (channels.names(), channels.load("crafts").title) == (["crafts"], "Crafts")
    (tmp_path / "crafts.yaml").rename(tmp_path / "pottery.yaml")
    assert (channels.names(), channels.load("crafts").name) == (["crafts"], "crafts")
    with pytest.raises(UsageError, match="There is no channel 'pottery'"):
        channels.load("pottery")


def test_a_file_renamed_without_an_id_names_the_way_back(tmp_path: Path) -> None:
    channels = files(tmp_path, crafts=GOOD)
    (tmp_path / "crafts.yaml").rename(tmp_path / "pottery.yaml")
    with pytest.raises(UsageError) as refused:
        channels.load("crafts")
    assert "with `id: crafts` in it" in refused.value.next_step


def test_an_id_is_one_files_and_is_not_extended(tmp_path: Path) -> None:
    channels = files(tmp_path, first=f"id: crafts\n{GOOD}", second="extends: first\ntitle: Other\n")
    assert (channels.names(), channels.load("second").title) == (["crafts", "second"], "Other")
    (tmp_path / "crafts.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"crafts.yaml and first.yaml are both channel 'crafts'"):
        channels.load("crafts")
    assert channels.load("second").title == "Other", "the others go on"


def test_a_broken_file_is_still_known_by_its_id(tmp_path: Path) -> None:
    channels = files(tmp_path, pottery="id: crafts\ntitle: [\n")
    assert channels.names() == ["crafts"]
    with pytest.raises(ConfigurationError, match=r"pottery\.yaml"):
        channels.load("crafts")


@pytest.mark.parametrize("line", ["id: Not-One", "id: 7", '"id": crafts', "{id: crafts}"])
def test_an_id_that_cannot_be_used_is_named(tmp_path: Path, line: str) -> None:
    channels = files(tmp_path, pottery=f"{line}\n{GOOD}")
    with pytest.raises(ConfigurationError, match=r"pottery\.yaml"):
        channels.load("pottery")


def test_a_pipe_among_the_channels_is_named_and_not_waited_for(tmp_path: Path) -> None:
    channels = files(tmp_path, crafts=GOOD)
    os.mkfifo(channels.folder / "pipe.yaml")
    assert channels.load("crafts").name == "crafts"
    assert [str(problem) for problem in channels.problems()] == ["pipe.yaml:1: file: pipe.yaml is not a file"]
