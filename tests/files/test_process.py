"""Which process runs, and which does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dgedit.files.process import Process, this_process

from ..support.journals import ended_process


@pytest.mark.parametrize("pid", [0, -1, 2**70])
def test_ids_that_no_process_has_do_not_run(pid: int) -> None:
    assert not Process(pid, 0, this_process().host).is_running


def test_the_first_process_runs_whoever_asks() -> None:
    assert Process(1, 0, this_process().host).is_running
    assert this_process().is_running


def test_a_process_that_ended_does_not_run() -> None:
    assert not ended_process().is_running


@pytest.mark.skipif(not this_process().start_ticks, reason="the system does not tell when a process started")
def test_an_id_that_was_handed_out_again_is_not_the_process() -> None:
    here = this_process()
    assert not replace(here, start_ticks=here.start_ticks + 1).is_running
    assert replace(here, start_ticks=0).is_running, "the start is not known, so the id must do"


def test_a_process_of_another_machine_counts_as_ended() -> None:
    assert not replace(this_process(), host="elsewhere").is_running
