"""A checkpoint's file of settings, read with suspicion: what a field is, is checked before anything is built by it.

Every refusal names the file, the field, what stands there and what may, with the family's remedy: a checkpoint comes
from anywhere. It must know nothing of networks; `stored` does the same for files of tensors.
"""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..types import EngineError

BYTES_MAX = 16_000_000
"""No file of settings is larger."""
LAYERS_MAX = 512
WIDTH_MAX = 1 << 17
"""Of a hidden state, or of what is inside of a block."""
HEADS_MAX = 1024
VOCABULARY_MAX = 1 << 22
POSITIONS_MAX = 1 << 24
EXPERTS_MAX = 1 << 12
SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """Settings, or one table of them, and what is said where they do not fit.

    Raises of every method that gives a value:
        EngineError: when the field is missing without a default, of another type, or out of its bounds.
    """

    name: str
    """Of the file, as a person is told."""
    values: Mapping[str, Any]
    remedy: str
    table_name: str = ""
    """Stands before the names of fields."""

    @classmethod
    def read(cls, path: Path, remedy: str) -> SettingsFile:
        """The settings in a file.

        Raises:
            EngineError: when it is missing, no regular file, too large, or not JSON with settings.
        """
        require_file(path, BYTES_MAX, remedy)
        try:
            values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        except (OSError, ValueError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else _one_line(error)
            raise EngineError(f"{path} is not readable as JSON: {reason}", remedy) from error
        if not isinstance(values, dict):
            raise EngineError(f"{path} holds {_shown(values)}, not settings", remedy)
        return cls(name=str(path), values=values, remedy=remedy)

    def table(self, name: str, default: Mapping[str, Any] | None = None) -> SettingsFile:
        """The settings under a name."""
        found = self.values.get(name)
        found = default if found is None else found
        if not isinstance(found, Mapping):
            self.refuse(name, "settings are needed")
        label = f"{self.table_name}{name}."
        return SettingsFile(name=self.name, values=found, remedy=self.remedy, table_name=label)

    def size(self, name: str, most: int, default: int | None = None) -> int:
        """A whole number from 1 to `most`."""
        return self._whole(name, 1, most, default)

    def index(self, name: str, below: int, default: int | None = None) -> int:
        """A whole number from 0 to one less than `below`: an id, or a count that may be nothing."""
        return self._whole(name, 0, below - 1, default)

    def number(self, name: str, *, above: float = 0.0, most: float = math.inf, default: float | None = None) -> float:
        """A number between two bounds, the upper one included."""
        found = self.values.get(name, default)
        if type(found) not in (int, float) or not above < _real(found) <= most or math.isinf(_real(found)):
            bound = f" and at most {most:g}" if most < math.inf else ""
            self.refuse(name, f"a number above {above:g}{bound} is needed")
        return float(found)

    def only(self, name: str, allowed: Collection[object], default: object = None) -> Any:
        """One of a few values."""
        found = self.values.get(name, default)
        if not any(type(found) is type(each) and found == each for each in allowed):
            self.refuse(name, f"only {' or '.join(sorted({json.dumps(each) for each in allowed}))} is supported")
        return found

    def words(self, name: str, allowed: Collection[str], count: int, default: list[str] | None = None) -> list[str]:
        """A list of so many words, each one of a few."""
        found = self.values.get(name)
        found = default if found is None else found
        if not isinstance(found, list) or len(found) != count or any(each not in tuple(allowed) for each in found):
            self.refuse(name, f"a list of {count} is needed, each {' or '.join(sorted(allowed))}")
        return found

    def refuse(self, name: str, need: str) -> NoReturn:
        """Say what is wrong with a field."""
        stands = f"is {_shown(self.values[name])}" if name in self.values else "is missing"
        raise EngineError(f"{self.name}: {self.table_name}{name} {stands}; {need}", self.remedy)

    def _whole(self, name: str, low: int, high: int, default: int | None) -> int:
        found = self.values.get(name, default)
        if type(found) is not int or not low <= found <= high:
            self.refuse(name, f"a whole number from {low} to {high:,} is needed")
        return found


def require_file(path: Path, bytes_max: int, remedy: str) -> None:
    """See to it that a file is there, waits for nobody and fits into memory.

    Raises:
        EngineError: when one of that is not so.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise EngineError(f"{path} is missing", remedy) from error
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}", remedy) from error
    if not stat.S_ISREG(status.st_mode):
        raise EngineError(f"{path} is no regular file", remedy)
    if status.st_size > bytes_max:
        raise EngineError(f"{path} has {status.st_size:,} bytes, more than {bytes_max:,}", remedy)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _real(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _shown(value: object) -> str:
    """A value as one short line."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = f"{type(value).__name__}"
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 1]}…"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
