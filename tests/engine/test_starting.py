"""What is done for a quick start is undone after it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from dgedit.engine.starting import keep_memory, quickly


@pytest.fixture(autouse=True)
def same_collector_after() -> Iterator[None]:
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.parametrize("was_on", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_garbage_is_looked_for_as_before(was_on: bool, fails: bool) -> None:
    (gc.enable if was_on else gc.disable)()
    try:
        with quickly():
            assert not gc.isenabled()
            if fails:
                raise MemoryError
    except MemoryError:
        assert fails
    assert gc.isenabled() is was_on


def test_memory_is_kept_where_the_system_can() -> None:
    keep_memory()
    keep_memory()
