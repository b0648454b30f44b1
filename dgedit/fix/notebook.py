"""Notebooks of Jupyter: the code of their cells as texts, put back as JSON with everything else byte for byte.

Lines for IPython alone (`%time`, `!ls`, `?name`) are held out of a cell's code by stand-ins of the same length in
lines; a cell that is wholly for another program (`%%bash`) is not looked at. It must know neither judges nor models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from ..judges.grammar import tree_of

_MAGIC = re.compile(r"^([ \t]*)((?:%{1,2}[A-Za-z]\w*|!|\?).*|[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)
_ASSIGNED = re.compile(r"^[ \t]*[\w., ]+=[ \t]*[%!]", re.MULTILINE)
"""What IPython reads in ways that no stand-in shows."""
_LANGUAGES = frozenset({"", "python", "ipython", "python3"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeCell:
    """A code cell: its code, and where its source stands in the notebook."""

    number: int
    """Among all cells, from 1."""
    code: str
    """With stand-ins for lines of IPython."""
    magics: tuple[str, ...]
    """Those lines, in order."""
    start: int
    end: int
    rows: tuple[int, ...]
    """The line of the notebook, from 0, of each line of the code."""
    is_list: bool
    indent: str
    """What stands before each line of a source that is a list over several lines."""

    @property
    def name(self) -> str:
        """As people are told it."""
        return f"cell {self.number}"

    def row_of(self, line: int) -> int:
        """The line of the notebook that holds a line of the code, both from 0."""
        return self.rows[min(line, len(self.rows) - 1)] if self.rows else 0


def is_notebook(path: Path | None) -> bool:
    """Whether a file is one, by its name."""
    return path is not None and path.suffix.lower() == ".ipynb"


def cells_of(text: str) -> list[CodeCell] | None:
    """The Python code cells of a notebook; none where it is no JSON, or no notebook in Python."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    tree = tree_of(text, "json")
    if tree is None or not isinstance(notebook, dict) or not _is_python(notebook):
        return None
    raw = text.encode("utf-8", "surrogatepass")
    found = list[CodeCell]()
    for number, (cell, node) in enumerate(_pairs(notebook, tree.root_node, raw), start=1):
        source = _value(node, "source", raw)
        if cell.get("cell_type") == "code" and source is not None:
            made = _cell(number, cell.get("source"), source, raw)
            found += [made] if made is not None else []
    return found


def with_cells(text: str, cells: Sequence[CodeCell], codes: Mapping[int, str]) -> str:
    """The notebook with the code of some cells replaced, by their place among `cells`.

    Raises:
        ValueError: when a line of IPython got lost.
    """
    pieces, at = list[str](), 0
    for number, cell in enumerate(cells):
        if number in codes:
            pieces += (text[at : cell.start], _written(cell, _unmasked(codes[number], cell.magics), text))
            at = cell.end
    return "".join(pieces) + text[at:]


def _is_python(notebook: Mapping[str, object]) -> bool:
    metadata = notebook.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = spec.get("language", "") if isinstance(spec, dict) else ""
    return isinstance(notebook.get("cells"), list) and str(language).lower() in _LANGUAGES


def _pairs(notebook: Mapping[str, object], root: Node, raw: bytes) -> Iterator[tuple[dict[str, object], Node]]:
    """Each cell as a value and as a node."""
    array = _value(root.named_children[0], "cells", raw) if root.named_children else None
    cells = notebook["cells"]
    if array is None or not isinstance(cells, list):
        return
    nodes = [node for node in array.named_children if node.type != "comment"]
    for cell, node in zip(cells, nodes, strict=False):
        if isinstance(cell, dict) and node.type == "object":
            yield cell, node


def _value(node: Node, key: str, raw: bytes) -> Node | None:
    for pair in node.named_children:
        name = pair.child_by_field_name("key")
        if pair.type == "pair" and name is not None and raw[name.start_byte : name.end_byte] == f'"{key}"'.encode():
            return pair.child_by_field_name("value")
    return None


def _cell(number: int, source: object, node: Node, raw: bytes) -> CodeCell | None:
    parts = source if isinstance(source, list) else [source]
    lines = [line for line in parts if isinstance(line, str)]
    if len(lines) < len(parts):
        return None
    code = "".join(lines)
    if code.lstrip().startswith("%%") or _ASSIGNED.search(code):
        return None
    masked, magics = _masked(code)
    rows = [node.start_point[0]] * (code.count("\n") + 1)
    children = node.named_children if isinstance(source, list) else []
    if children and len(children) >= code.count("\n"):
        rows = [child.start_point[0] for child in children]
    indent = ""
    if children and children[0].start_point[0] != node.start_point[0]:
        line = raw.rfind(b"\n", 0, children[0].start_byte) + 1
        indent = raw[line : children[0].start_byte].decode("utf-8", "replace")
    return CodeCell(
        number=number,
        code=masked,
        magics=tuple(magics),
        start=len(raw[: node.start_byte].decode("utf-8", "surrogatepass")),
        end=len(raw[: node.end_byte].decode("utf-8", "surrogatepass")),
        rows=tuple(rows),
        is_list=isinstance(source, list),
        indent=indent,
    )


def _masked(code: str) -> tuple[str, list[str]]:
    magics = list[str]()

    def mask(match: re.Match[str]) -> str:
        magics.append(match[2])
        return f"{match[1]}pass  # IPython {len(magics)}"

    return _MAGIC.sub(mask, code), magics


def _unmasked(code: str, magics: Sequence[str]) -> str:
    for number, magic in enumerate(magics, start=1):
        stand_in = re.compile(rf"pass  # IPython {number}$", re.MULTILINE)
        code, count = stand_in.subn(lambda _, line=magic: line, code)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"{magic!r} got lost")
    return code


def _written(cell: CodeCell, code: str, text: str) -> str:
    """A source as JSON, in the form that it had."""
    escapes = text[cell.start : cell.end].isascii() and "\\u" in text[cell.start : cell.end]
    if not cell.is_list:
        return json.dumps(code, ensure_ascii=escapes)
    lines = [json.dumps(line, ensure_ascii=escapes) for line in code.splitlines(keepends=True)]
    if not cell.indent:
        return f"[{', '.join(lines)}]"
    closing = text[cell.start : cell.end].rpartition("\n")[2]
    return "[\n" + ",\n".join(cell.indent + line for line in lines) + "\n" + closing
