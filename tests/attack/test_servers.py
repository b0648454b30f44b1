"""Hostile servers: an infill ends in an answer or in one harmless line, in time, and the key is nowhere."""

from __future__ import annotations

import itertools
import time

import pytest

from dgedit.engine.remote import connect
from dgedit.engine.remote import wire as remote_wire
from dgedit.engine.types import EngineError, InfillRequest
from dgedit.fill.harmless import harmless

from ..support.remote_server import Answer, model, serving
from .budget import Budget
from .hostile import KEY, STEERING, cases

REQUEST = InfillRequest(prefix="def add(a, b):\n    ", suffix="\n")
LIMIT_S = 1.5
GRACE_S = 1.0
FEW, ALL = 36, 600


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_wire, "BACKOFF_S", 0.01)


def judged(case: str, answer: Answer) -> str | None:
    """What is wrong with how a server is taken; none where nothing is."""
    names = [model(f"m{STEERING}{KEY}")]
    with serving(answer, models=names) as server:
        began, shown = time.process_time(), list[str]()
        try:
            engine = connect(server.url, environ={"DGEDIT_API_KEY": KEY}, timeout_s=LIMIT_S, chunk_timeout_s=LIMIT_S)
            shown += [engine.info.name, *engine.notes]
            for frame in engine.infill(REQUEST):
                safe = harmless(frame)
                shown += [safe.text, *(each.text for each in (safe.result.candidates if safe.result else ()))]
            shown += engine.notes
        except EngineError as error:
            line = f"{error}; {error.hint}"
            shown.append(line)
            if not line.isprintable() or not error.hint:
                return f"{case}: not one harmless line with a remedy: {line!r}"
        except Exception as error:
            return f"{case}: {type(error).__name__}: {error}"
        used_s = time.process_time() - began
    if any(KEY.lower() in text.lower() or KEY[:12] in text for text in shown):
        return f"{case}: the key is shown"
    if used_s > LIMIT_S + GRACE_S:
        return f"{case}: {used_s:.1f} s of work"
    return None


def test_hostile_servers(budget: Budget) -> None:
    wrong = list[str]()
    made = budget.cases(lambda seed: itertools.islice(cases(seed), 600), few=FEW, all_=ALL)
    for case, answer in made:
        found = judged(case, answer)
        budget.count("hostile servers", failed=found is not None)
        wrong += [found] if found else []
    assert not wrong, "\n".join(wrong[:20])
