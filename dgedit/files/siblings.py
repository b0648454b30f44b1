"""Files beside the one being edited: pieces like the span often stand there already.

Read-only and bounded; a file that cannot be read is left out without a word. Nothing leaves the machine.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

FILES_MAX = 16
FILE_BYTES_MAX = 200_000
TOTAL_BYTES_MAX = 600_000


def related_texts(path: Path | None) -> tuple[str, ...]:
    """Texts of files with the same ending in the same folder: `path`'s likeliest relatives first.

    Relatives by name come first (`test_a.py` and `test_b.py`, `a.py` and `test_a.py`), then the alphabet: the order is
    the same in every copy of a repository, so that an infill is too.
    """
    if path is None:
        return ()
    try:
        own = path.resolve()
        others = [
            (other, status)
            for other in own.parent.iterdir()
            if other.suffix == own.suffix and other.name != own.name and not other.name.startswith(".")
            if other.is_file() and 0 < (status := other.stat()).st_size <= FILE_BYTES_MAX
        ]
    except OSError:
        return ()
    stem = set(own.stem.lower().split("_"))
    others.sort(key=lambda pair: (-len(stem & set(pair[0].stem.lower().split("_"))), pair[0].name))
    texts, left = list[str](), TOTAL_BYTES_MAX
    for other, status in others[:FILES_MAX]:
        left -= status.st_size
        if left < 0:
            break
        text = _read(other, status.st_mtime_ns, status.st_size)
        if text is not None:
            texts.append(text)
    return tuple(texts)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int, _size: int) -> str | None:
    """The text of a file, kept while the file does not change."""
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return None
