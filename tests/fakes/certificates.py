"""One certificate instead of all: each client of an SDK reads every one there is, and loopback has none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import certifi
import pytest


@contextmanager
def one_certificate(folder: Path) -> Iterator[None]:
    """Let this process trust a single authority until the block ends; the file is written into `folder`."""
    end = "-----END CERTIFICATE-----\n"
    path = folder / "one.pem"
    path.write_text(Path(certifi.where()).read_text().partition(end)[0] + end)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(path))
        yield
