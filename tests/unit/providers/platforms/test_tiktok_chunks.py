"""TikTok's chunk arithmetic, also with sizes nobody wants to upload in a test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayreel.errors import UsageError
from dayreel.providers.platforms.tiktok_chunks import (
    MAX_CHUNK_BYTES,
    MIN_CHUNK_BYTES,
    ChunkPlan,
    held_bytes,
    plan_chunks,
)
from dayreel.sandbox.tiktok import chunk_problem


def test_the_vendors_own_example() -> None:
    plan = ChunkPlan(50_000_123, 10_000_000, 5)
    assert plan.chunk_from(40_000_000) == (40_000_000, 50_000_122)


SIZES = st.integers(1, 4_000_000_000) | st.sampled_from(
    [
        size + off
        for size in (MIN_CHUNK_BYTES, MAX_CHUNK_BYTES, 2 * MAX_CHUNK_BYTES, 128_000_000, 4 * 10**9 - 9)
        for off in range(-2, 9)
    ]
)


@given(
    size=SIZES,
    chunk_bytes=st.integers(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES) | st.just(MAX_CHUNK_BYTES),
    cut=st.floats(0, 1, exclude_max=True),
)
def test_chunks_cover_every_byte_once_within_tiktoks_rules(size: int, chunk_bytes: int, cut: float) -> None:
    plan = plan_chunks(size, chunk_bytes=chunk_bytes)
    assert chunk_problem(size, plan.chunk_size, plan.total_chunk_count) is None, "TikTok would refuse it"
    position, lengths = 0, []
    while position < size:
        first, last = plan.chunk_from(position)
        assert first == position
        lengths.append(last - first + 1)
        position = last + 1
    assert position == size
    assert len(lengths) == plan.total_chunk_count
    assert all(length == plan.chunk_size for length in lengths[:-1])
    assert lengths[-1] < plan.chunk_size + 1000
    broken_off = int(size * cut)
    assert plan.chunk_from(broken_off)[1] in {size - 1, (broken_off // plan.chunk_size + 1) * plan.chunk_size - 1}


@pytest.mark.parametrize(
    ("size", "chunk_bytes"), [(0, MAX_CHUNK_BYTES), (10**9, 1000), (10**9, 10**9), (10**10, 5242880)]
)
def test_what_tiktok_does_not_take_is_refused(size: int, chunk_bytes: int) -> None:
    with pytest.raises(UsageError, match="TikTok takes"):
        plan_chunks(size, chunk_bytes=chunk_bytes)


@pytest.mark.parametrize(
    ("header", "expected"), [("bytes 0-99/200", 100), ("bytes */200", 0), (None, None), ("nonsense", None)]
)
def test_the_servers_position_is_read(header: str | None, expected: int | None) -> None:
    assert held_bytes(header) == expected
