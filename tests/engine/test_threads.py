"""The number of threads is measured, and an infill does not depend on it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from dgedit.engine import threads
from dgedit.engine.infill import fill
from dgedit.engine.protocol import Denoiser
from dgedit.engine.threads import use_fastest
from dgedit.engine.types import InfillRequest


@pytest.fixture(autouse=True)
def same_threads_after() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_one_of_the_two_is_chosen_and_set() -> None:
    chosen = use_fastest(2)
    assert chosen in (1, 2)
    assert torch.get_num_threads() == chosen


def test_one_core_needs_no_trial() -> None:
    torch.set_num_threads(1)
    assert use_fastest(1) == 1
    assert torch.get_num_threads() == 1


def test_far_too_many_threads_are_not_used() -> None:
    # 64 threads on a small machine wait for each other all the time.
    if (torch.get_num_threads() or 1) >= 16:
        pytest.skip("this machine has many cores")
    assert use_fastest(64) == 1


def test_the_answer_is_the_same_with_any_number(nano: Denoiser) -> None:
    request = InfillRequest(
        prefix="def total(values):\n    result = 0\n    for value in values:\n        ", suffix="\n"
    )
    answers = []
    for count in (1, 2):
        torch.set_num_threads(count)
        answers.append([(candidate.text, candidate.score) for candidate in fill(request, nano).candidates])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(("said", "most"), [("1", 1), ("3", 3), ("64", 4), ("0", 4), ("2,1", 4), ("", 4), ("many", 4)])
def test_the_number_that_a_person_allows_is_not_exceeded(monkeypatch: pytest.MonkeyPatch, said: str, most: int) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert threads.most() == most


def test_a_run_that_mostly_waits_is_followed_by_one_thread() -> None:
    threads.settle()
    torch.set_num_threads(2)
    with threads.watched():
        time.sleep(0.05)
    assert threads.in_use() == 1


def test_a_run_that_works_keeps_its_threads() -> None:
    threads.settle()
    torch.set_num_threads(2)
    with threads.watched():
        pass
    assert threads.in_use() == 2


def test_a_number_that_is_asked_for_stays() -> None:
    threads.use(2)
    with threads.watched():
        time.sleep(0.05)
    assert threads.in_use() == 2
    threads.settle()
