"""Plain words: what the product's sentences say and how its names read. Each rule is shown to fail on a sample."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.conventions.test_house_rules import OURS, nodes, python, text_of, tracked

# What must not be written, and what to write instead.
WORDS = {
    r"\b(?:[Tt]old|[Tt]ells?|[Tt]elling)\b": "is reported, is shown, notifies, returns",
    r"\b[Aa]new\b": "again, recreate, rebuild",
    r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|such\b)[a-z]": "is not a, is not a valid, there is no",
    r"\b[Ss]ee(?:s|ing)? to\b": "does, handles",
    r"\b[Gg](?:o|oes|oing|one) on with\b": "continues",
    r"\bof before\b": "earlier",
    r"\bthe house\b": "the project",
    r"\bsa(?:id|ys?) back\b": "returns, answers, echoes",
    r"\b(?:kept_at|at_desk|patiently|leash(?:ed)?|room_of|tell_once|was_told|told_about|mind_reviews|need_ready|"
    r"need_own_form|keep_safe|turn_of|NotMade|take_back|visit_of|why_foreign|why_resting|TOLD_BY)\b": "its new name",
}
VARIABLES = frozenset({"one", "found", "told", "said"})
FUNCTIONS = re.compile(r"(?:^|_)(?:told|tells?|said|anew)(?:_|$)")
MAYBE = re.compile(rf"\b(?:{'|'.join(sorted(VARIABLES))})\b|told|tell|said|anew")
"""Stands in every file in which a name may be wrong."""

# A line with this text may stay.
KEPT_LINES = {
    "dayreel/services/demo/make_demo.py": ("from history, told on {{date}}", "a prompt: the stand-in answers by it"),
    "pipeline_assets/maintenance_jobs.py": ('notify.alias("tell")', "an op's name in runs of release 0.1"),
}
# A field may keep its name where a document or a released interface has it.
KEPT_NAMES = {
    ("dayreel/schemas/check.py", "found"): "a key of `dayreel doctor --json`",
    ("dayreel/vendors/record.py", "found"): "what a vendor of another package hands over from its proof",
    ("dayreel/footage/library/migrate_v1.py", "told"): "a key of `dayreel library migrate-v1 --json`",
    ("pipeline_assets/maintenance_jobs.py", "said"): "a field of the job's run configuration",
    ("pipeline_assets/maintenance_jobs.py", "_tell_failure"): "the job's old name, kept as an alias for one release",
}


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a module of comments and strings, docstrings among them."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            for offset, line in enumerate(token.string.split("\n")):
                yield token.start[0] + offset, line


def bad_words(lines: Iterable[tuple[int, str]], kept: int = 0) -> list[str]:
    return [
        f"{number}: {match[0]!r} -> {instead}"
        for number, line in lines
        if number != kept
        for pattern, instead in WORDS.items()
        if (match := re.search(pattern, line))
    ]


def line_of(name: str) -> int:
    """Return the number of the line of a file that may stay as it is, or 0."""
    text, _ = KEPT_LINES.get(name, ("", ""))
    return text_of(name)[: text_of(name).index(text)].count("\n") + 1 if text else 0


def bad_names(tree: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in tree:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VARIABLES:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg) and node.arg in VARIABLES:
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and FUNCTIONS.search(node.name):
            yield node.lineno, node.name


def pages() -> list[str]:
    folders = ("dayreel/", "docs/", "README.md", "CONTRIBUTING.md")
    return [
        name
        for name in tracked()
        if name.startswith(folders) and name.endswith((".html", ".j2", ".md")) and "/decisions/" not in name
    ]


def test_sentences_are_in_plain_words() -> None:
    bad = {}
    for name in [*python(*OURS, "examples", "tests", "bench", "deploy"), *pages()]:
        if "/migrations/versions/" in name or name == "tests/conventions/test_words.py":
            continue  # a migration stays as it was released; the words themselves stand here
        source = text_of(name)
        if not any(re.search(pattern, source) for pattern in WORDS):
            continue  # to take a file apart takes longer
        lines = sentences(source) if name.endswith(".py") else enumerate(source.split("\n"), start=1)
        if wrong := bad_words(lines, line_of(name)):
            bad[name] = wrong
    assert not bad, f"Say it in the words of the field: {bad}."


@pytest.mark.parametrize(
    "sample",
    [
        '"""Who is told."""',
        "# it tells the next one",
        'say("the week is no week.")',
        'x = f"{name} is no day"',
        '"""Made anew at every login."""',
        "# the sensor goes on with it",
        "# see kept_at",
    ],
)
def test_the_rule_for_words_can_fail(sample: str) -> None:
    assert bad_words(sentences(sample + "\n"))


def test_the_rule_for_words_lets_good_sentences_pass() -> None:
    good = '"""There is no such day; it is no longer made, and is no more than a draft."""\n# foretold, untold\n'
    assert bad_words(sentences(good)) == []


def test_variables_and_functions_are_named_after_the_thing() -> None:
    bad = [
        f"{name}:{line} {word}"
        for name in python(*OURS, "tests", "bench", "docs", "deploy", "examples")
        if MAYBE.search(text_of(name))  # to take a file apart takes longer
        for line, word in bad_names(ast.walk(ast.parse(text_of(name))))  # read once here: nothing is kept of them
        if (name, word) not in KEPT_NAMES
    ]
    assert not bad, f"Name it after what it holds or does (`content`, `effect`, `row`, `report`): {bad}."


def test_the_rule_for_names_can_fail() -> None:
    sample = "def tell_once(said):\n    for one in said:\n        found = one\n    return [told for told in found]\n"
    words = [word for _, word in bad_names(ast.walk(ast.parse(sample)))]
    assert sorted(words) == ["found", "one", "said", "tell_once", "told"]


def test_what_is_kept_is_still_there() -> None:
    """An exception whose reason is gone would let the next one through."""
    for name in KEPT_LINES:
        assert any(f"{line_of(name)}:" in bad for bad in bad_words(sentences(text_of(name)))), name
    for name, word in KEPT_NAMES:
        assert word in {bad for _, bad in bad_names(nodes(name))}, (name, word)


def public_types(tree: ast.Module) -> Iterator[str]:
    """Yield the public classes of a module, and its public aliases of types."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id if isinstance(node.value, ast.Subscript | ast.BinOp) else ""
        else:
            continue
        if re.match(r"[A-Z]\w*[a-z]", name):
            yield name


def defined_twice(modules: Iterable[tuple[str, ast.Module]]) -> dict[str, list[str]]:
    places = defaultdict(list)
    for name, tree in modules:
        for public in public_types(tree):
            places[public].append(name)
    return {public: names for public, names in places.items() if len(names) > 1}


def test_one_type_name_stands_once() -> None:
    twice = defined_twice((name, ast.parse(text_of(name))) for name in python(*OURS))
    assert not twice, f"Two types of one name are mistaken for each other: rename or merge {twice}."
    sample = ast.parse("class Verdict: ...\nPlace = tuple[str, str]\nMOST = 3 | 4\n")
    assert defined_twice([("a", sample), ("b", sample)]) == {"Verdict": ["a", "b"], "Place": ["a", "b"]}
