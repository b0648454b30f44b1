"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import terminal

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class CommandParser(argparse.ArgumentParser):
    """A parser that repeats what a person wrote without what a terminal would obey."""

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        super()._print_message(terminal.shown_lines(message), file)


def number(low: int) -> Callable[[str], int]:
    """An argparse type: an integer of at least `low`."""

    def parse(value: str) -> int:
        found = int(value)
        if found < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, got {found}")
        return found

    parse.__name__ = "integer"
    return parse


def add_engine(parser: argparse.ArgumentParser, *, model: str, seed: int, steps: int, engine: str = "") -> None:
    """Which model denoises, from which seed and in how many passes."""
    parser.add_argument(
        "--model",
        default=model,
        help="mini or nano (bundled), one of `dgedit models`, diffusiongemma[:bf16|:fp8|:nf4], auto, a .gguf file, "
        "or the folder of a checkpoint; "
        f"with --engine a model of the server (default: {model})",
    )
    parser.add_argument(
        "--engine",
        default=engine,
        metavar="URL",
        help="ask this server instead of a model here; the text around the span is sent to it",
    )
    parser.add_argument(
        "--seed", type=number(0), default=seed, help=f"0: the likeliest tokens; others sample (default: {seed})"
    )
    parser.add_argument(
        "--steps",
        type=number(0),
        default=steps,
        help=f"denoising passes at most; 0: the model's own (default: {steps})",
    )
