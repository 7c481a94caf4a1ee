"""Bringing older documents to the present version by numbered steps, one version at a time. Pure; no files.

Step `n` takes a document of version `n` and returns it at version `n + 1`; the version field is set here, so that a
step cannot forget it. A document without the field has version 0.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dayreel.stores.state.errors import StateMigrationError, StateValidationError

StateDocument = dict[str, Any]
Migrations = Mapping[int, Callable[[StateDocument], StateDocument]]


def current_version(migrations: Migrations) -> int:
    """Return the version that the steps lead to; 0 when there are none.

    Raises:
        ValueError: the steps are not numbered without a gap.
    """
    numbers = sorted(migrations)
    if numbers and numbers != list(range(numbers[0], numbers[-1] + 1)):
        raise ValueError(f"migrations must be numbered without a gap, and are {numbers}")
    return numbers[-1] + 1 if numbers else 0


def migrate(document: StateDocument, migrations: Migrations, *, field: str) -> StateDocument:
    """Return `document` at the current version; the argument may be changed in place.

    Raises:
        StateMigrationError: the version is newer than this program, older than the first step, or a step failed.
    """
    target = current_version(migrations)
    version = _version_of(document, field)
    if version > target:
        raise StateMigrationError(
            f"the document has {field} {version}, and this program knows versions up to {target}",
            next_step="Update the program; an older one must not touch a newer document.",
        )
    while version < target:
        if version not in migrations:
            raise StateMigrationError(
                f"the document has {field} {version}, and the steps start at {min(migrations)}",
                next_step="Read it once with a program that still has the earlier steps.",
            )
        document = _step(document, migrations, version, field)
        version += 1
    return document


def require_current(document: StateDocument, migrations: Migrations, *, field: str) -> None:
    """Refuse to write a document that the next read would take for an older or a newer one.

    Raises:
        StateValidationError: the version field is missing or is not the current version.
    """
    target = current_version(migrations)
    if document.get(field) != target:
        raise StateValidationError(
            f"Tried to write a document with {field} {document.get(field)!r}; the current version is {target}.",
            next_step=f"Nothing was written; set {field!r} to {target}.",
        )


def _version_of(document: StateDocument, field: str) -> int:
    version = document.get(field, 0)
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise StateMigrationError(f"the document's {field} is {version!r}, and must be a whole number")
    return version


def _step(document: StateDocument, migrations: Migrations, version: int, field: str) -> StateDocument:
    try:
        document = migrations[version](document)
    except Exception as error:
        raise StateMigrationError(
            f"the step from {field} {version} to {version + 1} failed with {type(error).__name__}: {error}",
            next_step="The file is untouched; correct the step, or the document by hand.",
        ) from error
    document[field] = version + 1
    return document
