"""The pages of docs/ are short, all of them are in the site, and the reference has everything that the code has."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic import BaseModel
from reference_tables import MARKER, TABLES, filled, loaded_from_elsewhere, on_post_build

from dayreel.cli import root
from dayreel.footage.schemas.library import LibraryPlan
from dayreel.marts.declared import MARTS
from dayreel.queries.config import keys
from dayreel.schemas.channel import Channel
from dayreel.stores.catalog.tables import metadata
from tests.conventions.test_settings import DESCRIBED

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
MOST_WORDS = 2500
UNLIMITED = ("changelog.md",)  # grows with every release


def read(page: str) -> str:
    return filled((DOCS / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [page for page in PAGES if page not in UNLIMITED])
def test_a_page_is_short_enough_to_read(page: str) -> None:
    words = len(re.findall(r"\S*\w\S*", read(page)))
    assert words <= MOST_WORDS, f"docs/{page} has {words} words: split it, or leave out what stands elsewhere."


def test_the_readme_fits_on_one_screen() -> None:
    assert len((DOCS.parent / "README.md").read_text(encoding="utf-8").splitlines()) <= 45


@pytest.mark.parametrize("page", PAGES)
def test_a_page_begins_with_what_it_is_good_for(page: str) -> None:
    begin = re.match(r"# [^\n]+\n\n(\S.*?)\n\n", read(page), re.DOTALL)
    assert begin, f"docs/{page}: a title, then a paragraph."
    is_dated = page.startswith("decisions/0")  # those begin with the day and whether it was accepted
    assert is_dated or re.search(r"\byour?\b", begin[1]), f"docs/{page}: say what you can do after reading it."


def test_every_table_is_used_and_every_marker_known() -> None:
    texts = [(DOCS / page).read_text(encoding="utf-8") for page in PAGES]
    used = {match[1] for text in texts for match in MARKER.finditer(text)}
    assert used == set(TABLES)
    assert not [page for page in PAGES if "from the code:" in read(page) and page[:4] != "deci"]


def test_decisions_are_numbered_one_after_the_other() -> None:
    pages = [page for page in PAGES if re.match(r"decisions/\d", page)]
    numbers = [int(re.match(r"# (\d+)\. ", read(page))[1]) for page in pages]  # type: ignore[index]
    assert [int(page.split("/")[1][:4]) for page in pages] == numbers
    assert numbers == list(range(1, len(numbers) + 1)), "Two took the same number: the later one takes the next free."


def test_every_picture_is_shown_on_a_page() -> None:
    shown = {Path(name).name for page in PAGES for name in re.findall(r"!\[[^]]*]\(([^)\s]+)\)", read(page))}
    there = {picture.name for picture in (DOCS / "pictures").iterdir()}
    assert there - shown == {"favicon.svg"}, "`make pictures` takes them; remove those that no page shows"


def test_the_navigation_has_every_page_once() -> None:
    """`make docs` says so too, but nobody waits for it."""
    text = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"[\w/-]+\.md\b", text.partition("\nnav:")[2])
    decisions = {page for page in PAGES if re.match(r"decisions/\d", page)}
    assert sorted(named) == sorted(set(PAGES) - decisions)
    assert yaml.safe_load(text)["theme"]["font"] is False


def every_command(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Context]]:
    yield context.command_path, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_command(inner, click.Context(inner, info_name=name, parent=context))


def test_the_reference_has_every_command_and_option() -> None:
    pages = read("reference/cli.md") + read("reference/cli-more.md")
    for path, context in every_command(root, click.Context(root, info_name="dayreel")):
        if path == "dayreel":
            continue
        assert len(re.findall(rf"^#+ {path}$", pages, re.MULTILINE)) == 1, path
        options = [param for param in context.command.params if isinstance(param, click.Option) and not param.hidden]
        for option in options:
            assert option.help, f"`{path} {option.opts[0]}` does not say what it does"
            assert option.opts[-1] in pages, path


def test_the_reference_has_every_setting() -> None:
    page = read("reference/settings.md")
    variables = [*DESCRIBED, *(key.variable for key in keys().values())]
    assert [name for name in variables if f"`{name}`" not in page] == []


@pytest.mark.parametrize(
    ("model", "file"), [(Channel, "channel-fields"), (LibraryPlan, "library-plan")], ids=["channel", "library"]
)
def test_the_reference_has_every_field(model: type[BaseModel], file: str) -> None:
    page = read(f"reference/{file}.md")

    def check(schema: Mapping[str, Any], part: Mapping[str, Any], path: str) -> None:
        for name, field in part["properties"].items():
            if (path, name) == ("", "name"):
                continue
            assert field.get("description"), f"{path}{name}: give the field a description in {model.__module__}"
            assert f"| `{name}` | {field['description']} |" in page, (path, name)
            for option in (field, *field.get("anyOf", ())):
                if "$ref" in option:
                    check(schema, schema["$defs"][option["$ref"].rpartition("/")[2]], f"{path}{name}.")

    schema = model.model_json_schema()
    check(schema, schema, "")


def test_the_reference_has_every_mart_and_column() -> None:
    pages = read("reference/marts.md") + read("reference/marts-operations.md")
    for mart in MARTS.values():
        _, heading, section = pages.partition(f"## `{mart.view}`\n")
        assert heading, mart.name
        key = ", ".join(f"`{name}`" for name in mart.key)
        assert f"One row is {mart.grain}. Key: {key}." in section.partition("|")[0], mart.name
        for column in mart.columns:
            assert f"| `{column.name}` | {column.kind} | {column.description} |" in section, (mart.name, column.name)
        for name, rule in mart.checks.items():
            assert f"| `{name}` | `{rule}` |" in section, (mart.name, name)


def test_the_reference_has_every_table_and_column() -> None:
    page = read("reference/tables.md")
    for table in metadata.sorted_tables:
        _, heading, section = page.partition(f"## `{table.name}`\n")
        assert heading, table.name
        assert f"One row is {table.info['row']}." in section.partition("|")[0]
        assert [column.name for column in table.columns if f"| `{column.name}` |" not in section] == []


@pytest.mark.parametrize(
    ("html", "urls"),
    [
        ('<script src="https://cdn.test/x.js">', ["https://cdn.test/x.js"]),
        ('<link rel="stylesheet" href="//fonts.test/a.css">', ["//fonts.test/a.css"]),
        ('<a href="https://dagster.io">Dagster</a> <img src="pictures/a.png">', []),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(html: str, urls: list[str], tmp_path: Path) -> None:
    assert loaded_from_elsewhere(html) == urls
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    if urls:
        with pytest.raises(RuntimeError, match=r"index\.html"):
            on_post_build({"site_dir": str(tmp_path)})
    else:
        on_post_build({"site_dir": str(tmp_path)})
