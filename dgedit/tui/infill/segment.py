"""The parts of a span under infill, in order: texts that stay and gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ...fill.loop import Gap


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the span under infill."""

    part: str | Gap
    group: int | None
    """Which hole of the text it belongs to; none for code between holes, which stays whatever happens."""


def joined(segments: list[Segment]) -> Iterator[Segment]:
    """Neighbouring texts of one group as one."""
    last: Segment | None = None
    for segment in segments:
        if last is not None and last.group == segment.group:
            if isinstance(last.part, str) and isinstance(segment.part, str):
                last = replace(last, part=last.part + segment.part)
                continue
            if isinstance(last.part, Gap) and isinstance(segment.part, Gap):
                joined = (*last.part.rejected, *segment.part.rejected)
                last = replace(last, part=Gap(rejected=joined))
                continue
        if last is not None:
            yield last
        last = segment
    if last is not None:
        yield last
