"""Options of the command line that a recipe or a network's sizes have: a field, an option of the same name."""

from __future__ import annotations

import argparse
import sysconfig
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Values = TypeVar("Values", bound="DataclassInstance")


def add_common(parser: argparse.ArgumentParser, out: Path) -> None:
    """What every training takes: where its parts are kept, what it reads, a note for the card."""
    parser.add_argument("--out", type=Path, default=out, help=f"where everything is kept (default: {out})")
    parser.add_argument(
        "--roots",
        type=Path,
        nargs="+",
        default=[Path(sysconfig.get_path("purelib"))],
        help="directories of installed packages to train on",
    )
    parser.add_argument("--no-compile", action="store_true", help="do not compile what is trained")
    parser.add_argument("--card-note", default="", help="a sentence for the model card")


def add_fields(parser: argparse.ArgumentParser, kind: type[DataclassInstance]) -> None:
    """An option for every field that has a default; the others are not for a person to choose."""
    for field in _chosen(kind):
        name = f"--{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(field.default), default=field.default)


def values_of(options: argparse.Namespace, kind: type[Values], **others: object) -> Values:
    """The value that the options say, and the fields that are no options."""
    return kind(**{field.name: getattr(options, field.name) for field in _chosen(kind)}, **others)


def _chosen(kind: type[DataclassInstance]) -> list[Field[object]]:
    return [field for field in fields(kind) if field.default is not MISSING]
