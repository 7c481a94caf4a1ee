"""What every provider's test gets: clients that are made quickly."""

from collections.abc import Iterator

import pytest

from tests.fakes.certificates import one_certificate


@pytest.fixture(scope="module", autouse=True)
def _one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with one_certificate(tmp_path_factory.mktemp("certificates")):
        yield
