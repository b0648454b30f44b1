"""What `dgedit fill --json` says: one JSON object a line, enough for another editor to animate an infill.

Every object has "version": 1 and a "type". Within a version fields are only added, never renamed, removed or changed.

    hole      file hole start end text                      with --check only: a hole that was found
    frame     file hole start end pass passes spans elapsed_ms pass_ms tokens_per_second
              spans: [{text, state, confidence}], together the span after this pass; state is noise (not decided, the
              text is filler), draft (a guess), new (accepted or revised in this pass) or fixed (accepted before)
    result    file hole start end ending text candidates passes elapsed_ms
              ending: filled, timeout, blank or "over budget"; text: what replaces [start, end), null where that stays;
              candidates: [{text, score, parses, origins}], best first; score compares within one result; parses is
              null where that was not asked; origins: denoised, recalled, "written left to right"
    error     file message hint
    summary   files model seed elapsed_ms exit              always the last line
              files: [{file, holes, filled, left, changed}]; model: {name, digest, device, parameters}, null where none
              was needed; exit: what the process exits with

file is the name as it was given (standard input: --stdin-filename, or "-"). hole counts from 1 within a file. start and
end are places of the input, before anything was filled: {offset, line, column}; offsets count characters (Unicode code
points, a byte order mark not counted) from 0, lines and columns from 1. Texts hold the line breaks of the file, those
of spans \\n alone. Numbers are rounded; confidences are 0 to 1.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DgeditError, ExitCode
from ..text.holes import Hole
from .loop import Ending, Outcome, with_line_ending

if TYPE_CHECKING:
    from ..engine.types import Frame, FrameSpan, ModelInfo

VERSION = 1

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCount:
    """What became of a file."""

    file: str
    holes: int = 0
    filled: int = 0
    left: int = 0
    changed: bool = False


class FileRecords:
    """The records of one file's holes."""

    def __init__(self, file: str, text: str, holes: Sequence[Hole]) -> None:
        """Args: text: the input, which places are of."""
        self._file, self._text, self._holes = file, text, holes
        self._line_break = with_line_ending("\n", text)
        self._line_starts = [0]
        while (at := text.find("\n", self._line_starts[-1])) >= 0:
            self._line_starts.append(at + 1)

    def hole(self, number: int) -> Record:
        """A hole that was found."""
        hole = self._holes[number]
        return self._about("hole", number) | {"text": self._text[hole.start : hole.end]}

    def frame(self, number: int, frame: Frame) -> Record:
        """The span of a hole after a pass."""
        spans = [_span(span) for span in frame.spans]
        if indent := self._holes[number].indent:
            spans.insert(0, {"text": indent, "state": "fixed", "confidence": 1.0})
        return self._about("frame", number) | {
            "pass": frame.pass_index,
            "passes": frame.passes_max,
            "spans": spans,
            "elapsed_ms": round(frame.elapsed_ms, 1),
            "pass_ms": round(frame.pass_ms, 1),
            "tokens_per_second": round(frame.tokens_per_second, 1),
        }

    def result(self, number: int, outcome: Outcome) -> Record:
        """What became of a hole."""
        result, indent = outcome.result, self._holes[number].indent
        candidates = [
            {
                "text": (indent + candidate.text).replace("\n", self._line_break),
                "score": round(candidate.score, 3),
                "parses": candidate.parses,
                "breaks": candidate.breaks,
                "confidence": None if candidate.confidence is None else round(candidate.confidence, 3),
                "origins": sorted(origin.value for origin in candidate.origins),
            }
            for candidate in (result.candidates if result is not None else ())
        ]
        return self._about("result", number) | {
            "ending": outcome.ending.value,
            "text": outcome.text if outcome.ending is Ending.FILLED else None,
            "candidates": candidates,
            "passes": result.passes if result is not None else 0,
            "elapsed_ms": round(result.elapsed_ms, 1) if result is not None else 0.0,
        }

    def _about(self, kind: str, number: int) -> Record:
        hole = self._holes[number]
        places = {"start": self._place(hole.start), "end": self._place(hole.end)}
        return {"version": VERSION, "type": kind, "file": self._file, "hole": number + 1, **places}

    def _place(self, offset: int) -> Record:
        line = bisect_right(self._line_starts, offset)
        return {"offset": offset, "line": line, "column": offset - self._line_starts[line - 1] + 1}


def error(file: str, trouble: DgeditError) -> Record:
    """What went wrong with a file."""
    return {"version": VERSION, "type": "error", "file": file, "message": str(trouble), "hint": trouble.hint}


def summary(
    counts: Sequence[FileCount], model: ModelInfo | None, *, seed: int, elapsed_s: float, code: ExitCode
) -> Record:
    """The last record."""
    known = None
    if model is not None:
        known = {"name": model.name, "digest": model.digest, "device": model.device, "parameters": model.parameters}
    files = [
        {"file": c.file, "holes": c.holes, "filled": c.filled, "left": c.left, "changed": c.changed} for c in counts
    ]
    about = {"version": VERSION, "type": "summary", "files": files, "model": known}
    return about | {"seed": seed, "elapsed_ms": round(elapsed_s * 1e3, 1), "exit": int(code)}


def line(record: Record) -> bytes:
    """A record as it is written: ASCII alone, so that any name survives any reader."""
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _span(span: FrameSpan) -> Record:
    return {"text": span.text, "state": span.state.value, "confidence": round(span.confidence, 3)}
