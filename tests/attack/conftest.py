"""The time of the attacks, and their table at the end."""

from __future__ import annotations

import pytest

from .budget import Budget, Tallies

TALLIES = pytest.StashKey[Tallies]()


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> Budget:
    """A slice, or the share of one attack in `--attack-minutes`."""
    config = request.config
    attacks = sum("budget" in getattr(item, "fixturenames", ()) for item in request.session.items)
    minutes = float(config.getoption("--attack-minutes"))
    return Budget(minutes=minutes / max(1, attacks), tallies=config.stash.setdefault(TALLIES, Tallies()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of counts."""
    tallies = config.stash.get(TALLIES, None)
    if tallies is not None and tallies.kinds and float(config.getoption("--attack-minutes")):
        terminalreporter.section("attacks")
        for line in tallies.lines():
            terminalreporter.write_line(line)
