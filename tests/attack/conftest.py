"""The time of the attacks, and their table at the end."""

from __future__ import annotations

import time

import pytest

from .budget import Budget, Tallies

BUDGET = pytest.StashKey[Budget]()


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> Budget:
    """A slice of each attack, or what is left of `--attack-minutes`."""
    config = request.config
    if BUDGET not in config.stash:
        minutes = float(config.getoption("--attack-minutes"))
        ends_s = time.monotonic() + 60 * minutes if minutes else None
        config.stash[BUDGET] = Budget(ends_s=ends_s, tallies=Tallies())
    return config.stash[BUDGET]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of counts."""
    budget = config.stash.get(BUDGET, None)
    if budget is not None and budget.ends_s is not None:
        terminalreporter.section("attacks")
        for line in budget.tallies.lines():
            terminalreporter.write_line(line)
