"""A hole in the source of a notebook's cell: the code that the model is shown, and the answer as JSON has it.

A notebook is JSON whose cells hold their code as strings, a line each. A model of code is given the code of the cells
around the hole, and its answer is written in the escapes of the string that the hole stands in.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_MARK = "\ue0fe"
"""Stands in the hole while the notebook is read; of the private use area."""
_OWN_LINE = re.compile(r'(?:\A|\n)([ \t]*)"(?:[^"\\\n]|\\.)*\Z')
_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """The code around a hole of a cell."""

    prefix: str
    suffix: str
    language: str
    joint: str
    """What a line break of an answer becomes."""
    ascii: bool
    """The file writes other characters as escapes."""

    def written(self, text: str) -> str:
        """An answer as it stands in the file."""
        return self.joint.join(json.dumps(line, ensure_ascii=self.ascii)[1:-1] for line in text.split("\n"))


def notebook_of(prefix: str, suffix: str) -> Notebook | None:
    """The cell that a hole between two texts stands in; none where that is no notebook, or no cell's source."""
    if '"cells"' not in prefix:
        return None
    try:
        read = json.loads(prefix + _MARK + suffix)
    except (ValueError, RecursionError):
        return None
    cells = read.get("cells") if isinstance(read, dict) else None
    sources = [_source(cell) for cell in cells] if isinstance(cells, list) else []
    here = next((number for number, (_, text) in enumerate(sources) if text.count(_MARK) == 1), None)
    if here is None:
        return None
    kind, own = sources[here]
    before, after = own.split(_MARK)
    line = _OWN_LINE.search(prefix)
    around = [text for other, text in sources[:here] if other == kind], [t for o, t in sources[here + 1 :] if o == kind]
    return Notebook(
        prefix="".join(text.rstrip("\n") + _BETWEEN for text in around[0]) + before,
        suffix=after + "".join(_BETWEEN + text.rstrip("\n") for text in around[1]),
        language=_language(read) if kind == "code" else "markdown",
        joint=f'\\n",\n{line[1]}"' if line else "\\n",
        ascii=(prefix + suffix).isascii() and "\\u" in prefix + suffix,
    )


def _source(cell: Any) -> tuple[str, str]:
    """Kind and text of a cell; nothing for what is none."""
    if not isinstance(cell, dict):
        return "", ""
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    return str(cell.get("cell_type", "")), "".join(line for line in lines if isinstance(line, str))


def _language(read: dict[str, Any]) -> str:
    """What the code cells are written in; Python where the notebook does not say."""
    metadata = read.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    for name, key in (("language_info", "name"), ("kernelspec", "language")):
        about = known.get(name)
        if isinstance(about, dict) and isinstance(about.get(key), str):
            found: str = about[key].lower()
            return "python" if found.startswith(("python", "ipython")) else found
    return "python"
