"""What is done for a quick start is undone after it."""

from __future__ import annotations

import gc
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from dgedit.engine.starting import quickly


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


FAULTS = """
import resource
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(8 << 20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
before = faults()
from dgedit.engine.starting import keep_memory
keep_memory()
faults()
print(before, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library cannot be asked")
def test_memory_that_was_freed_is_used_again() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, timeout=60, check=True)
    before, after = map(int, done.stdout.split())
    assert after * 10 < before


WATCHED = """
import socket, sys
asked = []
def refuse(*where, **_how):
    asked.append(where)
    raise OSError("no way out")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = socket.socket.connect_ex = refuse
"""
USES = {
    "bitsandbytes": "from dgedit.engine.models.gemma.files import _bitsandbytes as use; use()",
    "an engine": "from dgedit.engine import open_engine as use; use('nano'); import bitsandbytes",
    "a model that is not here": "from dgedit.commands.doctor import infill as use; list(use('owner/nothing'))",
}


@pytest.mark.parametrize("use", USES)
def test_no_library_of_models_asks_a_hub(use: str) -> None:
    assert find_spec("kernels"), "without it none of them asks"
    code = f"{WATCHED}\n{USES[use]}\nassert not asked, asked"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
