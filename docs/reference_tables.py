"""Fills the tables of the reference from the code, as a hook of mkdocs.

A page holds the words that people write, and a line `<!-- from the code: commands -->` where the tables go, so that a
table can never be older than the code it describes (docs/decisions/0025-reference-from-the-code.md).

    python docs/reference_tables.py docs/reference/cli.md    # one page as it will be, to read in a terminal

What belongs here is how a table is written; what is in it belongs to its owner: help texts to commands, descriptions to
fields and columns.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from dayreel.cli import root
from dayreel.footage.schemas.library import LibraryPlan
from dayreel.marts.content_tables import CONTENT_TABLES
from dayreel.marts.declared import MARTS
from dayreel.queries.config import keys
from dayreel.rules.captions import UNIT_NAMES
from dayreel.rules.pricing import described
from dayreel.schemas.channel import Channel
from dayreel.schemas.mart import Table
from dayreel.schemas.metric import METRICS
from dayreel.settings import Settings, variable_of
from dayreel.stores.catalog.tables import metadata
from dayreel.stores.state.models import PipelineDocument, PipelinePhase
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import PICTURES, ModelRow, Price, Source, TextModel, VideoModel, Voice
from dayreel.vendors.record import CaptionRules, PlatformLimits, PlatformMetric
from dayreel.vendors.registry import vendor_named, vendors

PROJECT = Path(__file__).resolve().parents[1]
MARKER = re.compile(r"^<!-- from the code: ([a-z ]+?)(?:, (.+))? -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with its tables in place; mkdocs calls this for every page."""
    return filled(markdown)


def on_post_build(config: Mapping[str, Any]) -> None:
    """Refuse a site that would load something from elsewhere; mkdocs calls this once it is written.

    Raises:
        RuntimeError: a page loads a script, a style, a picture or a font from another host.
    """
    site = Path(config["site_dir"])
    loads = {
        page.relative_to(site): loaded_from_elsewhere(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")
    }
    if foreign := {str(page): urls for page, urls in loads.items() if urls}:
        raise RuntimeError(f"The site must work without a network; these pages load from elsewhere: {foreign}.")


def loaded_from_elsewhere(html: str) -> list[str]:
    """Return the addresses on other hosts that a browser fetches by itself when it shows this page."""
    tags = re.findall(r"<(?:script|link|img|iframe|source|video|audio)\b[^>]*>", html)
    return [url for tag in tags for url in re.findall(r"""(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""", tag)]


def filled(markdown: str) -> str:
    """Return a page with every marker replaced by what it names.

    Raises:
        KeyError: a marker names something that is not made here.
    """
    return MARKER.sub(lambda match: "\n".join(TABLES[match[1]](*(match[2] or "").split())), markdown)


def commands(*names: str) -> Iterator[str]:
    """Yield a section per command: its help, its usage, its arguments and options."""
    for name in names or root.list_commands(click.Context(root)):
        command = root.get_command(click.Context(root), name)
        if command is None:
            raise KeyError(name)
        yield from _command(command, click.Context(root, info_name="dayreel"), name, depth=2)


def _command(command: click.Command, parent: click.Context, name: str, depth: int) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"{'#' * depth} {context.command_path}\n"
    yield _paragraphs(command.help or "") + "\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            inner = command.get_command(context, sub)
            if inner is not None and not inner.hidden:
                yield from _command(inner, context, sub, depth + 1)
        return
    yield f"```\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    records = filter(None, (param.get_help_record(context) for param in command.get_params(context)))
    rows = ((f"`{names}`", text) for names, text in records if text and "--help" not in names)
    yield from _table(("option", "what it does"), rows)


def settings() -> Iterator[str]:
    """Yield every variable of the environment, those of vendors apart, with the vendors that read them."""
    own = []
    for name, field in Settings.model_fields.items():
        if name != "root":  # found from where a command is typed, never set
            secret = SecretStr.__name__ in str(field.annotation)
            default = (
                ""
                if field.default is None
                else f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
            )
            own.append((f"`{variable_of(name)}`", _about(field.description or "", secret=secret), default))
    variables = [
        (
            f"`{setting.variable}`",
            _about(setting.help, secret=setting.secret),
            f"{vendor.name}, needed" if setting.required else vendor.name,
        )
        for vendor in vendors()
        for setting in vendor.settings
    ]
    yield "## Of this project\n"
    yield from _table(("variable", "what it is for", "default"), own)
    yield "## Keys and accounts of vendors\n"
    yield from _table(("variable", "what it is", "vendor"), variables)


def _about(text: str, *, secret: bool) -> str:
    return f"{text} (secret)" if secret else text


def models() -> Iterator[str]:
    """Yield a table of language models, and one of video models for each vendor that has some."""
    known = ModelList(PROJECT / "docs")  # ours alone, not those of the project that this checkout is
    rows = [row for vendor in vendors() for row in known.of(vendor.name)]
    yield "## Language models\n"
    texts = ((_model(row), _budget(row), _thinking(row), _price(row)) for row in rows if isinstance(row, TextModel))
    yield from _table(("model", "context, answer (tokens)", "thinks; efforts", "price"), texts)
    for provider in dict.fromkeys(row.provider for row in rows if isinstance(row, VideoModel)):
        yield f"## Video: {provider}\n"
        videos = (row for row in known.of(provider) if isinstance(row, VideoModel))
        cells = ((_model(row), _limits(row), _takes(row), _price(row)) for row in videos)
        yield from _table(("model", "prompt, seconds, resolutions, sound", "takes", "price"), cells)


def _model(row: ModelRow) -> str:
    source = next((row.sources[fact] for fact in ("durations_s", "thinks") if fact in row.sources), None)
    read = f"; {source.source}, {source.checked_on}" if source is not None else ""
    ends = f"; ends on {row.ends_on}, use {', '.join(row.replaced_by)}" if row.ends_on else ""
    return f"`{row.model}`{ends}{read}"


def _second_hand(row: ModelRow, fact: str) -> str:
    return " (2nd)" if row.is_second_hand(fact) else ""


def _budget(row: TextModel) -> str:
    return ", ".join(f"{tokens:,}" if tokens else "?" for tokens in (row.context_tokens, row.max_output_tokens))


def _thinking(row: TextModel) -> str:
    efforts = ", ".join(f"**{effort}**" if effort == row.default_effort else effort for effort in row.efforts)
    return f"{row.thinks.replace('_', ' ')}; {efforts}" if efforts else row.thinks.replace("_", " ")


def _limits(row: VideoModel) -> str:
    prompt = f"{row.prompt_limit:,} characters" if row.prompt_limit else "no limit known"
    first, last = row.durations_s[0], row.durations_s[-1]
    whole = row.durations_s == tuple(range(first, last + 1)) and first != last
    seconds = f"{first} to {last}" if whole else ", ".join(map(str, row.durations_s))
    at = f"at {', '.join(row.sound)}" if isinstance(row.sound, tuple) else "yes" if row.sound else "no"
    return (
        f"{prompt}{_second_hand(row, 'prompt_limit')}; {seconds} s{_second_hand(row, 'durations_s')}; "
        f"{', '.join(row.resolutions)}; sound: {at}{_second_hand(row, 'sound')}"
    )


def _takes(row: VideoModel) -> str:
    names = ("seed", "negative_prompt", *PICTURES)
    taken = [
        f"{name.replace('_', ' ')}{' (needed)' if name in row.needs else ''}" for name in names if name in row.fields
    ]
    return ", ".join(taken) or "nothing else"


def _price(row: ModelRow) -> str:
    if not row.price:
        return "none: add yours"
    source = row.sources["price"]
    tiers = "; ".join(described(tier) for tier in row.price)
    return f"{tiers} ({source.source}, {source.checked_on}){_second_hand(row, 'price')}"


def model_fields() -> Iterator[str]:
    """Yield a table per shape of a row of `models.yaml`."""
    yield "## What a row may say\n"
    text = "`source`, `checked_on` and `second_hand` of a row stand for all of its facts; `sources` names single ones."
    yield f"{text}\n"
    common = set(ModelRow.model_fields)
    shapes: dict[str, type[BaseModel]] = {
        "Every row": ModelRow,
        "Video": VideoModel,
        "Language model": TextModel,
        "Voice": Voice,
        "Price": Price,
        "Source": Source,
    }
    for title, shape in shapes.items():
        yield f"### {title}\n"
        left = set() if shape is ModelRow else common
        fields = ((name, field) for name, field in shape.model_fields.items() if name not in left)
        yield from _table(("field", "what it says"), ((f"`{name}`", field.description or "") for name, field in fields))


def platform_limits() -> Iterator[str]:
    """Yield a table of what each platform takes of a post, with where it was read."""
    platforms = ((vendor, vendor.platform) for vendor in vendors("platforms") if vendor.platform is not None)
    rows = ((f"`{vendor.name}`", _text_limits(of.captions), _file_limits(of.limits)) for vendor, of in platforms)
    yield from _table(("platform", "text", "file and posts"), rows)


def metrics() -> Iterator[str]:
    """Yield a table of what is counted, and one for each platform: its own names, what they count there, since when."""
    yield "## What is counted\n"
    rows = ((f"`{metric.name}`", metric.kind, metric.about) for metric in METRICS.values())
    yield from _table(("metric", "type", "what it is"), rows)
    for vendor in vendors("platforms"):
        reported = vendor.platform.metrics if vendor.platform is not None else ()
        if reported:
            yield f"## {vendor.label}\n"
            cells = ((f"`{m.metric}`", f"`{m.theirs}`{_scaled(m)}", m.counts, _defined(m)) for m in reported)
            yield from _table(("metric", "its name there", "what it counts there", "defined so, read where"), cells)


def _scaled(metric: PlatformMetric) -> str:
    return f" x {metric.scale:g}" if metric.scale != 1 else ""


def _defined(metric: PlatformMetric) -> str:
    parts = [f"since {metric.since}" if metric.since else "no day is given"]
    parts += [f"before: {metric.before}"] if metric.before else []
    parts += [f"up to {metric.late_h} h late"] if metric.late_h else []
    parts += [f"needs `{metric.scope}`"] if metric.scope else []
    second = " (2nd)" if metric.source.second_hand else ""
    return f"{'; '.join(parts)} ({_read_at(metric.source)}){second}"


def _text_limits(rules: CaptionRules) -> str:
    parts = [f"{rules.limit:,} {UNIT_NAMES[rules.unit]}"]
    parts += [f"title {rules.title_limit} characters"] if rules.title_limit else []
    parts += [f"{rules.hashtag_limit} hashtags"] if rules.hashtag_limit else []
    parts += [f"{rules.mention_limit} mentions"] if rules.mention_limit else []
    parts += [f"no {' '.join(rules.forbidden)}"] if rules.forbidden else []
    reported = [f"{rules.reported_hashtags} hashtags"] if rules.reported_hashtags else []
    reported += [f"{rules.reported_mentions} mentions"] if rules.reported_mentions else []
    more = f"; reported: {', '.join(reported)} ({_read_at(rules.reported_by)})" if reported else ""
    return f"{', '.join(parts)} ({_read_at(rules.source)}){more}"


def _file_limits(limits: PlatformLimits) -> str:
    parts = [f"{limits.max_size_bytes / 1e6:,.0f} MB"] if limits.max_size_bytes else []
    parts += [f"{limits.min_duration_s:g} to {limits.max_duration_s:g} s"] if limits.max_duration_s else []
    parts += [f"{limits.min_fps or 0:g} to {limits.max_fps:g} fps"] if limits.max_fps else []
    parts += [f"{limits.max_bit_rate / 1e6:g} Mbit/s"] if limits.max_bit_rate else []
    parts += [f"about {limits.posts_per_day} posts a day"] if limits.posts_per_day else []
    return f"{', '.join(parts)} ({_read_at(limits.source)})" if parts else "no limit"


def _read_at(source: Source | None) -> str:
    return f"{source.source}, {source.checked_on}" if source is not None else "no source"


def changeable() -> Iterator[str]:
    """Yield the settings that people change while dayreel runs."""
    rows = ((f"`{key.name}`", key.description, f"`{key.default}`", f"`{key.variable}`") for key in keys().values())
    yield from _table(("setting", "what it is for", "default", "variable that overrides it"), rows)


def channel_fields() -> Iterator[str]:
    """Yield a table per part of a channel file: field, what it says, what is allowed, default."""
    yield from _fields(Channel)


def library_plan() -> Iterator[str]:
    """Yield a table per part of `library.yaml`."""
    yield from _fields(LibraryPlan)


def _fields(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    yield "## The file itself\n"
    yield from _part(schema, schema, "")


def _part(schema: Mapping[str, Any], part: Mapping[str, Any], path: str) -> Iterator[str]:
    rows, inner = [], []
    for name, field in part["properties"].items():
        if not path and name == "name":  # the file's own name
            continue
        spot = f"{path}.{name}".lstrip(".")
        reference = next((option["$ref"] for option in (field, *field.get("anyOf", ())) if "$ref" in option), None)
        if reference is not None:
            inner.append((spot, schema["$defs"][reference.rpartition("/")[2]]))
        allowed = f"[its fields](#{spot.replace('.', '')})" if reference else _allowed(field)
        default = "needed" if name in part.get("required", ()) else _default(field, is_part=reference is not None)
        rows.append((f"`{name}`", field.get("description", ""), allowed, default))
    yield from _table(("field", "what it says", "allowed", "default"), rows)
    for spot, fields in inner:
        yield f"## {spot}\n"
        yield _paragraphs(fields.get("description", "")) + "\n"
        yield from _part(schema, fields, spot)


def _allowed(field: Mapping[str, Any]) -> str:
    kinds = [kind for kind in field.get("anyOf", (field,)) if kind.get("type") != "null"]
    value_schema = kinds[0]
    if values := value_schema.get("enum") or ([value_schema["const"]] if "const" in value_schema else None):
        return ", ".join(f"`{value}`" for value in values)
    if value_schema.get("type") == "array":
        return f"list: {_allowed(value_schema['items'])}"
    if value_schema.get("type") == "object":
        return "names to texts"
    low = next(
        (
            f"{word} {value_schema[key]}"
            for key, word in (("minimum", "from"), ("exclusiveMinimum", "above"))
            if key in value_schema
        ),
        "",
    )
    high = next(
        (
            f"{word} {value_schema[key]}"
            for key, word in (("maximum", "to"), ("exclusiveMaximum", "below"))
            if key in value_schema
        ),
        "",
    )
    words = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "string": "text"}
    kind = value_schema.get("format", words.get(value_schema.get("type", ""), "text"))
    return " ".join(filter(None, (kind, low, high)))


def _default(field: Mapping[str, Any], *, is_part: bool) -> str:
    value = field.get("default")
    if value is None or value in ([], "", {}) or is_part:
        return "" if value is None else "see there" if is_part else "none"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def marts(*groups: str) -> Iterator[str]:
    """Yield a section per mart of these groups: its grain, its key, its columns and its checks."""
    for mart in (mart for name, mart in MARTS.items() if name.partition("/")[0] in groups):
        files = "one file" if mart.every == "always" else f"one file per {mart.every}"
        yield from _columns(mart, mart.view, f"Asset `{mart.name}`, {files}.")


def content_tables() -> Iterator[str]:
    """Yield a section per table that is read of contents, as `marts` does."""
    for table in CONTENT_TABLES.values():
        path = f"{table.name}/<platform>" if table.name == "posts" else table.name
        yield from _columns(table, table.name, f"Assets `<channel>/{path}`.")


def _columns(table: Table, heading: str, where: str) -> Iterator[str]:
    yield f"## `{heading}`\n"
    yield f"{where} One row is {table.grain}. Key: {', '.join(f'`{name}`' for name in table.key)}.\n"
    yield from _table(("column", "type", "meaning"), ((f"`{c.name}`", c.kind, c.description) for c in table.columns))
    checks = ((f"`{name}`", f"`{rule}`") for name, rule in table.checks.items())
    yield from _table(("check", "holds for every row"), checks)


def catalog() -> Iterator[str]:
    """Yield a section per table of the catalog: what a row is, its columns and where they point."""
    for table in metadata.sorted_tables:
        yield f"## `{table.name}`\n"
        yield f"One row is {table.info['row']}.\n"
        rows = []
        for column in table.columns:
            points = ", ".join(f"`{key.target_fullname}`" for key in column.foreign_keys)
            marks = ["key"] if column.primary_key else [] if not column.nullable else ["may be null"]
            rows.append((f"`{column.name}`", type(column.type).__name__.lower(), ", ".join(marks), points))
        yield from _table(("column", "type", "", "points to"), rows)


def pipeline_document() -> Iterator[str]:
    """Yield a table of what a validated `pipeline.json` may say where it has no schema of its own."""
    phases = [f"`{name}`" for name in PipelineDocument.model_fields]
    yield f"{', '.join(phases)}: each, where it is there, an object with these members and any others:\n"
    rows = ((f"`{name}`", _kind(field), field.description or "") for name, field in PipelinePhase.model_fields.items())
    yield from _table(("member", "what it may be", "what it says"), rows)


def _kind(field: FieldInfo) -> str:
    choices = [f"`{choice}`" for part in get_args(field.annotation) for choice in get_args(part) if choice is not str]
    return ", ".join(choices) if "Literal" in str(field.annotation) else "an object"


def refusals(name: str) -> Iterator[str]:
    """Yield a table of what a vendor refuses: codes with the same meaning in one row."""
    known = vendor_named(name).refusals
    if not isinstance(known, Mapping):
        raise KeyError(name)
    codes: dict[Any, list[str]] = {}
    for code, row in known.items():
        codes.setdefault(row, []).append(f"`{code}`")
    helps = {"retry": "tried again", "refuse": "refused"}
    rows = ((" ".join(same), f"{row.meaning} ({helps[row.verdict]})", row.next_step) for row, same in codes.items())
    yield from _table(("it says", "it means", "what to do"), rows)


def changelog() -> Iterator[str]:
    """Yield the changelog without its heading."""
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    yield text.partition("\n")[2].replace("](docs/", "](")


def decisions() -> Iterator[str]:
    """Yield a line per decision, the newest first."""
    for page in sorted((PROJECT / "docs" / "decisions").glob("[0-9]*.md"), reverse=True):
        title = page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        yield f"- [{title}]({page.name})"


TABLES: Mapping[str, Callable[..., Iterator[str]]] = {
    "commands": commands,
    "settings": settings,
    "changeable settings": changeable,
    "channel fields": channel_fields,
    "library plan": library_plan,
    "models": models,
    "platform limits": platform_limits,
    "metrics": metrics,
    "model fields": model_fields,
    "marts": marts,
    "content tables": content_tables,
    "catalog": catalog,
    "pipeline document": pipeline_document,
    "refusals": refusals,
    "changelog": changelog,
    "decisions": decisions,
}


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    lines = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    if lines:
        yield f"| {' | '.join(head)} |"
        yield "|" + "---|" * len(head)
        yield from (f"| {line} |" for line in lines)
        yield ""


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.replace("\b", "").split("\n\n"))


if __name__ == "__main__":
    for page in sys.argv[1:]:
        print(filled(Path(page).read_text(encoding="utf-8")))
