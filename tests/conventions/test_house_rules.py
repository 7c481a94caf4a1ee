"""House rules over the source tree. Each says in its message how to mend what it finds."""

import ast
import gc
import os
import re
import subprocess
import tomllib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

import grimp
import pytest

ROOT = Path(__file__).parents[2]
OURS = ("dayreel", "resources", "pipeline_assets", "sensors")
CLOCKS = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.monotonic",
    "time.sleep",
}
# The clock itself; the sandbox world and the processes of `dayreel up`, which live in the machine's time; the browser
# and terminal faces, which wait for people.
OWN_TIME = (
    "dayreel/clock.py",
    "dayreel/sandbox/",
    "dayreel/cli/",
    "dayreel/desk/",
    "dayreel/tui/",
    "dayreel/footage/cli/",
)


@cache
def tracked() -> tuple[str, ...]:
    """Files of the repository, or of the folder where there is no git."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return tuple(name for name in done.stdout.splitlines() if (ROOT / name).is_file())
    return tuple(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file())


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(text_of(name), filename=name)


@cache
def nodes(name: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(name)))


@pytest.fixture(scope="module", autouse=True)
def _trees_for_a_while() -> Iterator[None]:
    """Looking for garbage among hundreds of thousands of nodes takes longer than reading them, here and afterwards."""
    gc.disable()
    yield
    for kept in (text_of, tree, nodes):
        kept.cache_clear()
    gc.enable()


def python(*folders: str) -> list[str]:
    return [
        name
        for name in tracked()
        if name.endswith(".py") and name.startswith(tuple(f"{folder}/" for folder in folders))
    ]


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of attributes, its last two parts."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def calls(name: str) -> Iterator[tuple[str, int, ast.Call]]:
    for node in nodes(name):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node.lineno, node


def imports(name: str) -> Iterator[tuple[str, int]]:
    for node in nodes(name):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), node.lineno


def test_the_rules_look_at_something() -> None:
    assert len(python(*OURS)) > 100
    assert "dayreel/services/effects/ledger.py" in python("dayreel")


# Of contents and of items of own footage.
MANIFEST_STORES = ("dayreel/stores/contents.py", "dayreel/footage/stores/items.py")


def test_only_the_manifests_stores_touch_a_manifest() -> None:
    places = [
        f"{name}:{node.lineno}"
        for name in python(*OURS)
        # The bucket's module reads one to send it; what comes from there is written by the content store.
        if name not in (*MANIFEST_STORES, "dayreel/stores/content_bucket.py")
        for node in nodes(name)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith("metadata.json")
        if "\n" not in node.value and " " not in node.value
    ]
    assert not places, (
        f"A manifest is read and written through dayreel.stores.contents or .items and the state manager: {places}. "
        "Use ContentStore.manifest, .update or .state, and ItemStore.manifest or .save."
    )


@pytest.mark.parametrize("name", MANIFEST_STORES)
def test_stores_write_manifests_only_through_the_state_manager(name: str) -> None:
    writing = {"write_text", "write_bytes", "open", "atomic_write_text", "dump", "rename"}
    lines = [line for called, line, _ in calls(name) if called.rsplit(".", 1)[-1] in writing]
    assert not lines, f"{name} lines {lines}: change the manifest with PipelineState, in `state()`."


def test_time_is_read_from_the_clock_that_is_handed_in() -> None:
    readings = [
        f"{name}:{line} {called}()"
        for name in python("dayreel")
        if not name.startswith(OWN_TIME)
        for called, line, _ in calls(name)
        if ".".join(called.split(".")[-2:]) in CLOCKS
    ]
    assert not readings, f"Take a dayreel.clock.Clock as an argument and ask that: {readings}."


def test_money_is_never_a_float() -> None:
    """Whole programs of cents have been lost this way; charts may convert at their edge, annotations may not."""
    places = []
    for name in python(*OURS):
        for node in nodes(name):
            if isinstance(node, ast.AnnAssign):
                named, annotation = dotted(node.target), node.annotation
            elif isinstance(node, ast.arg) and node.annotation is not None:
                named, annotation = node.arg, node.annotation
            elif isinstance(node, ast.FunctionDef) and node.returns is not None:
                named, annotation = node.name, node.returns
            else:
                continue
            is_float = any(isinstance(part, ast.Name) and part.id == "float" for part in ast.walk(annotation))
            if named.endswith("_usd") and is_float:
                places.append(f"{name}:{node.lineno} {named}")
    assert not places, f"Annotate money as Decimal (dayreel.schemas.content.Money where it becomes JSON): {places}."


TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(", re.MULTILINE)


def test_names_of_tests_are_short_enough_to_read() -> None:
    """A list of failures is read in a terminal, beside the file's name."""
    long_names = [
        f"{name} {test}" for name in python("tests") for test in TEST.findall(text_of(name)) if len(test) >= 60
    ]
    assert len(TEST.findall(text_of("tests/conventions/test_house_rules.py"))) > 15
    assert not long_names, f"Say it in under 60 characters, and the rest in the docstring: {long_names}."


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "misc"])
def test_no_module_is_a_drawer(word: str) -> None:
    drawers = [name for name in python(*OURS, "tests", "bench") if word in Path(name).stem.split("_")]
    assert not drawers, f"Name a module after what it is about, or put the function where it is used: {drawers}."


def test_every_module_says_what_belongs_in_it() -> None:
    opened = re.compile(r'(#.*\n)*(""".|\'\'\'.|".)')
    undescribed = [
        name for name in python(*OURS, "bench", "tests") if text_of(name) and not opened.match(text_of(name))
    ]
    assert not undescribed, (
        f"Open these with a docstring that says what belongs in them and what does not: {undescribed}."
    )


def circle_in(imported: Mapping[str, Collection[str]]) -> str | None:
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        return " -> ".join(error.args[1])
    return None


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions and for type checkers count: of two that know each other neither is read alone."""
    graph = grimp.build_graph(*OURS, cache_dir=None)
    graph.remove_import(importer="dayreel.services.footage_hooks", imported="dayreel.footage.hooks")  # a plug-in's door
    by_module = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert "dayreel.stores.catalog.migrate" in by_module["dayreel.stores.catalog.engine"], (
        "it is imported in a function"
    )
    assert circle_in({"a": ["b"], "b": ["c"], "c": ["a"]}) == "a -> c -> b -> a"
    assert circle_in(by_module) is None, "Move what both need into a module below, or say it as a Protocol."


def test_no_relative_imports_or_postponed_dagster_annotations() -> None:
    relative = [f"{name}:{line}" for name in python(*OURS) for module, line in imports(name) if module.startswith(".")]
    assert not relative, f"Write the whole name of the module: {relative}."
    postponed = [name for name in python(*OURS[1:]) for module, _ in imports(name) if module == "__future__"]
    assert not postponed, f"Dagster reads annotations at run time; remove the __future__ import: {postponed}."


def test_the_product_does_not_know_dagster() -> None:
    allowed = {"dayreel/cli/launch.py"}
    places = [
        f"{name}:{line}"
        for name in python("dayreel")
        if name not in allowed
        for module, line in imports(name)
        if module.split(".")[0] in ("dagster", "dagster_webserver", "pipeline_assets", "resources", "sensors")
    ]
    assert not places, (
        f"What needs Dagster belongs into pipeline_assets/, resources/ or sensors/; the CLI goes through "
        f"dayreel.cli.launch: {places}."
    )


def test_the_launcher_imports_dagster_only_when_it_launches() -> None:
    top = [node for node in tree("dayreel/cli/launch.py").body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in top if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in top if isinstance(node, ast.ImportFrom)]
    assert not [name for name in names if name.split(".")[0] in ("dagster", "pipeline_assets")], (
        "Import Dagster inside the functions of dayreel/cli/launch.py: `dayreel status` must not pay for it."
    )


def test_nobody_swallows_everything() -> None:
    places = []
    for name in python(*OURS):
        for node in nodes(name):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = "BaseException" if node.type is None else dotted(node.type)
            goes_on = not any(isinstance(part, ast.Raise) for part in ast.walk(node))
            if caught in ("Exception", "BaseException") and goes_on:
                places.append(f"{name}:{node.lineno}")
    # The command line turns whatever comes up into one sentence and an exit code, at the very top; what another
    # package's vendor raises while it is loaded is reported, and stands in nobody's way; what one job meets is its
    # result, with the trace, and ends no worker; what keeps a process from being heard of once is logged, with the
    # trace, and tried again at the next beat.
    allowed = (
        "dayreel/cli/__init__.py",
        "dayreel/vendors/registry.py",
        "dayreel/footage/worker/attempt.py",
        "dayreel/stores/leases.py",
    )
    places = [place for place in places if not place.startswith(allowed)]
    assert not places, f"Catch the errors that are meant, or raise again: {places}."


def test_no_other_distribution_claims_our_packages() -> None:
    installed = metadata.packages_distributions()
    claimed = {package: [name for name in installed.get(package, []) if name != "dayreel"] for package in OURS}
    assert not any(claimed.values()), f"Another installed distribution would shadow or be shadowed by ours: {claimed}."


def test_nothing_names_a_package_registry() -> None:
    named = [name for name in tracked() if name.startswith("requirements/") or name in ("pyproject.toml", "Makefile")]
    assert "Makefile" in named
    places = []
    for name in named:
        text = (ROOT / name).read_text(encoding="utf-8")
        places += [f"{name}: {address}" for address in re.findall(r"\S*://\S*", text)]
        places += [
            f"{name}: {flag}"
            for flag in ("--index-url", "--extra-index-url", "--find-links", "[[tool.uv.index")
            if flag in text
        ]
    assert not places, f"Which registry is used is the machine's affair; take the host out: {places}."


def test_every_locked_distribution_has_its_hash() -> None:
    locks = [name for name in tracked() if name.endswith(".lock")]
    assert "requirements/runtime.lock" in locks
    for name in locks:
        text = (ROOT / name).read_text(encoding="utf-8")
        entries = re.findall(r"^[a-z0-9][\w.-]*==.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
        assert entries, name
        bare = [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry]
        assert not bare, f"{name}: run `make lock`; without a hash: {bare}."


LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")


@pytest.mark.parametrize("name", [name for name in tracked() if name.endswith(".md")])
def test_links_in_the_documents_lead_somewhere(name: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in LINK.findall(text):
        path = unquote(target.partition("#")[0])
        if path and not re.match(r"[a-z]+:", path) and not ((ROOT / name).parent / path).exists():
            broken.append(target)
    assert not broken, f"{name}: mend or remove links to files that are not there: {broken}."


def test_every_test_that_a_document_names_is_there() -> None:
    """Tests are where pytest collects them, and parts of `make soak` are files."""
    collected = [name for name in python("tests") if Path(name).name.startswith("test_")]
    there = {test for name in collected for test in TEST.findall(text_of(name))}
    there |= {f"PART={Path(name).stem[5:]}" for name in collected if name.startswith("tests/soak/")}
    pages = [name for name in tracked() if name.startswith("docs/") and name.endswith(".md")]
    names = re.compile(r"`(test_\w+)`|(PART=\w+)`")
    named = {page: {"".join(groups) for groups in names.findall((ROOT / page).read_text("utf-8"))} for page in pages}
    gone = {page: sorted(names - there) for page, names in named.items() if names - there}
    assert not gone, f"A promise without its test: {gone}."


def test_every_mark_is_one_that_pytest_knows() -> None:
    """pytest refuses another one when it collects; what only `make soak` collects would stop there, years later."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    ours = {marker.partition(":")[0] for marker in options["markers"]}
    known = ours | {"parametrize", "skipif", "skip", "xfail", "usefixtures", "filterwarnings"}
    unknown = {name: sorted(set(re.findall(r"pytest\.mark\.(\w+)", text_of(name))) - known) for name in python("tests")}
    assert not {name: marks for name, marks in unknown.items() if marks}


def test_each_guarantee_has_its_proof_its_limits_and_tests() -> None:
    page = (ROOT / "docs/explanation/guarantees.md").read_text(encoding="utf-8")
    *promises, _not_covered = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert len(promises) > 10
    for promise in promises:
        parts = re.findall(r"^- \*\*(\w+)\.\*\* \S", promise, flags=re.MULTILINE)
        assert parts == ["Proof", "Limits", "Tests"], promise
        assert "`test_" in promise.partition("**Tests.**")[2], promise


@pytest.mark.slow
def test_no_file_is_a_link() -> None:
    """A link into one machine breaks the others: `.venv` came in as one, and whoever pulled it lost their own."""
    git = ["git", "ls-files", "--stage"]
    done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)  # nothing where there is no git
    links = [line.partition("\t")[2] for line in done.stdout.splitlines() if line.startswith("120000")]
    assert not links, f"Take them out of the repository (`git rm --cached`): {links}."


def test_no_path_of_a_machine_is_in_any_file() -> None:
    here = [str(ROOT), str(Path.home())]
    here = [path for path in here if path not in ("/", "/root", "/home") and len(path) > 5]
    places = []
    for name in tracked():
        if name.endswith((".py", ".md", ".toml", ".yaml", ".yml", ".lock", ".txt", ".sh", "Makefile")):
            text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
            places += [f"{name}: {path}" for path in here if path + os.sep in text]
    assert not places, f"Write paths relative to the project: {places}."
