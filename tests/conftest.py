"""Fixtures that many tests share: the bundled model, loaded once."""

from __future__ import annotations

import os
import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A suite that a shell starts behind itself inherits that Ctrl+C is ignored, and so would every program under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if "PYTEST_XDIST_WORKER" in os.environ:
    # As many processes as cores: each has one.
    os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("GOMP_SPINCOUNT", "30000")
# Screens are drawn in all colours, whatever terminal the suite is started on.
os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
# Most tests are about everything around a model: the small one is loaded in a fifth of the time.
os.environ["DGEDIT_MODEL"] = "nano"

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dgedit.engine.local import LocalEngine

if not any(Path("/dev").glob("nvidia[0-9]*")) and not Path("/dev/dxg").exists():
    # Triton's interpreter stands in for a GPU; it must be asked for before any module imports triton.
    os.environ["TRITON_INTERPRET"] = "1"


@pytest.fixture(scope="session")
def nano() -> LocalEngine:
    """The engine of the bundled checkpoint; in tests/engine it is the model alone."""
    # Here, for most files of tests need no torch, which takes a second or two to import.
    from dgedit.engine.load import load
    from dgedit.engine.local import LocalEngine

    return LocalEngine(load("nano"))


@pytest.fixture(scope="session", autouse=True)
def own_runtime() -> Iterator[None]:
    """A warm process of the person who runs the tests is not asked, nor is anything left in their cache."""
    # Short, for the name of a socket has little room.
    with tempfile.TemporaryDirectory(prefix="dg") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        patch.setenv("XDG_CACHE_HOME", f"{folder}/cache")
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes a file's tests share one, for its fixtures; real terminals are not beside each other."""
    for item in items:
        module = getattr(item, "module", None)
        where = "terminal" if hasattr(module, "terminal") else item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(where))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this suite."""
    parser.addoption("--kills", type=int, default=200, help="how often the tests of lost power kill a process")
    parser.addoption("--attack-minutes", type=float, default=0, help="how long tests/attack go on; 0: a slice of each")
    parser.addoption("--keys-seed", type=int, default=0, help="another number, other random keys")
    parser.addoption("--keys", type=int, default=20_000, help="how many random keys are pressed")


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, journals and counts of the person who runs the tests are neither read nor written."""
    home = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(home / name.lower()))
    monkeypatch.delenv("DGEDIT_CONFIG", raising=False)
    return home
