"""Which Dagster instance a project uses, chosen by the environment alone. Files and variables; no Dagster import.

DAGSTER_HOME wins; with DAYREEL_DAGSTER_POSTGRES_URL it is PostgreSQL in `var/dagster_postgres`; otherwise SQLite in
`dagster_home`.
"""

import os
from pathlib import Path

import yaml

from dayreel.atomic_write import PRIVATE_FOLDER, atomic_write_text, make_private
from dayreel.errors import ConfigurationError
from dayreel.settings import Settings
from dayreel.stores.s3 import use_plain_checksums

OWN_TAGS = "dayreel/"
"""How the keys of tags begin that dayreel sets, and clients of Dagster may not."""
ACTOR_TAG = "dayreel/actor"
"""The tag of a run that names who started it."""
OWNER_TAG = "dayreel/owner"
"""The tag of a run that a command makes in its own process: which process that is."""
POSTGRES_URL = "DAYREEL_DAGSTER_POSTGRES_URL"
LOGS_BUCKET = "DAYREEL_DAGSTER_LOGS_BUCKET"
_NOTE = "# Written from dagster_home/dagster.postgres.yaml at every start; change that file.\n"


def prepare_dagster_home(settings: Settings) -> Path:
    """Return DAGSTER_HOME, absolute and there, and set what its `dagster.yaml` reads, for children too.

    Raises:
        ConfigurationError: PostgreSQL is wanted, and its template is not in the project.
    """
    given = os.environ.get("DAGSTER_HOME")
    wants_postgres = settings.dagster_postgres_url is not None
    home = Path(given or (settings.var_dir / "dagster_postgres" if wants_postgres else settings.root / "dagster_home"))
    home = home.expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    if given is None:
        make_private(home, mode=PRIVATE_FOLDER)  # run configuration and people's names are in Dagster's databases
    if settings.dagster_postgres_url is not None:
        os.environ[POSTGRES_URL] = _with_driver(settings.dagster_postgres_url.get_secret_value())
        if settings.dagster_logs_bucket is not None:
            os.environ[LOGS_BUCKET] = settings.dagster_logs_bucket
            use_plain_checksums()
        if given is None:
            _write_instance(settings, home)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def _write_instance(settings: Settings, home: Path) -> None:
    template = settings.root / "dagster_home" / "dagster.postgres.yaml"
    try:
        document = yaml.safe_load(template.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"Tried to read dagster_home/dagster.postgres.yaml for {POSTGRES_URL}; it answered: {error.strerror}.",
            next_step="Copy it from dayreel's sources, or set DAGSTER_HOME to an instance of your own.",
        ) from error
    if settings.dagster_logs_bucket is None:
        document.pop("compute_logs", None)
    text = _NOTE + yaml.safe_dump(document, sort_keys=False)
    path = home / "dagster.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        atomic_write_text(path, text)


def _with_driver(url: str) -> str:
    for bare in ("postgresql://", "postgres://"):
        if url.startswith(bare):
            return "postgresql+psycopg2://" + url.removeprefix(bare)
    return url
