"""Prompt templates: packaged ones, and those that people keep beside the channels.

`channels/templates/<content_type>/<name>.md.j2` wins over the packaged `<name>.md.j2`. The text that is rendered is
part of a request's fingerprint, so an edited template is a new request.
"""

from pathlib import Path
from typing import Any

import jinja2

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import ConfigurationError

_PACKAGED = Path(__file__).parent / "templates"


def copy_packaged(channels_dir: Path, content_type: str) -> dict[Path, bool]:
    """Put the packaged templates where a content type's own ones lie, for people to edit; never over one of theirs.

    Returns:
        each file, and whether it was written now.
    """
    folder = channels_dir / "templates" / content_type
    written = {}
    for packaged in sorted(_PACKAGED.glob("*.md.j2")):
        own = folder / packaged.name
        written[own] = not own.exists()
        if written[own]:
            atomic_write_text(own, packaged.read_text(encoding="utf-8"))
    return written


def template_names(channels_dir: Path, content_type: str) -> list[str]:
    """Return the names of the templates that a content type may use: its own, and the packaged ones."""
    folders = (channels_dir / "templates" / content_type, _PACKAGED)
    return sorted({path.name.removesuffix(".md.j2") for folder in folders for path in folder.glob("*.md.j2")})


def source_of(channels_dir: Path, content_type: str, name: str) -> str:
    """Return the text of the template that a content type uses: its own, or the packaged one.

    Raises:
        ConfigurationError: there is none of that name, or it cannot be read.
    """
    own = channels_dir / "templates" / content_type / f"{name}.md.j2"
    try:
        return (own if own.is_file() else _PACKAGED / own.name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"Tried to read the template {name}.md.j2 for {content_type!r}; it answered: {error}.",
            next_step=f"Put it into channels/templates/{content_type}/ as UTF-8 text; then the same command continues.",
        ) from error


def render(channels_dir: Path, content_type: str, name: str, **values: Any) -> str:
    """Return the filled-in template of a content type.

    Raises:
        ConfigurationError: the template has an error or uses a name it is not given; names the file and line.
    """
    loader = jinja2.FileSystemLoader([channels_dir / "templates" / content_type, _PACKAGED])
    environment = jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # noqa: S701  plain text for a language model, never a page
    )
    try:
        return environment.get_template(f"{name}.md.j2").render(**values).strip()
    except jinja2.TemplateError as error:
        line = getattr(error, "lineno", None)
        raise ConfigurationError(
            f"Tried to fill in the template {name}.md.j2 for {content_type!r}; it answered: {error}"
            f"{f' (line {line})' if line else ''}.",
            next_step="Fix channels/templates, or remove the file to use the packaged one.",
        ) from error
