"""Which files a hook leaves alone: binary, generated, vendored, or in the middle of a merge.

Decided by the name and the first bytes alone, without a model or a repository. When in doubt a file is left alone: it
can still be filled by naming it to `dgedit fill`.
"""

from __future__ import annotations

import re
from pathlib import PurePath

from ..text.encoding import CONTROL_SHARE, CONTROLS, CONTROLS_ALLOWED, UTF_8_BOM, UTF_16_BE, UTF_16_LE, UTF_32_MARKS

VENDORED = re.compile(
    r"vendor(?:ed)?|third[-_]?party|node_modules|bower_components|(?:site|dist)-packages|__pypackages__|\.?venv"
    r"|\.(?:eggs|git|nox|tox)",
    re.IGNORECASE,
)
"""Folders whose files are other people's."""
GENERATED = re.compile(
    r".*\.lockb?|.*-lock\.(?:json|yaml)|npm-shrinkwrap\.json|go\.sum|packages\.lock\.json"
    r"|.*\.(?:min|bundle)\.(?:m?js|css)|.*\.map|.*_pb2(?:_grpc)?\.pyi?|.*\.pb\.(?:go|cc|h|swift)"
    r"|.*\.(?:g|freezed)\.dart|.*\.designer\.cs|.*\.(?:generated|gen)\..*|.*_generated\.go",
    re.IGNORECASE,
)
"""Names that only programs write."""
TOP_LINES = 20
"""A file that is generated says so in its first lines."""
SAYS_GENERATED = re.compile(
    rb"@generated\b|\bdo not (?:edit|modify)\b|\bauto(?:matically)?[- ]?generated\b"
    rb"|\b(?:code|file|is|was) generated (?:by|from|with|using)\b|^\W*generated (?:by|from|with|using)\b",
    re.IGNORECASE,
)
COMMENT_BEGINS = re.compile(rb"""^\s*(?:#|//|/\*|\*|--|;|%|<!--|\(\*|\{-|"|'|!|@?REM\b|\.\.)""")
CONFLICT = re.compile(rb"^(?:<{7}|>{7}|\|{7})(?: [^\r\n]*)?\r?$", re.MULTILINE)


def reason_to_skip(path: PurePath, head: bytes) -> str | None:
    """Why a hook should leave a file alone; none where it need not.

    Args:
        path: relative to the repository: folders above it say nothing about the file.
        head: the file's first bytes; conflict markers are seen in these alone, so better all of it.
    """
    for folder in path.parts[:-1]:
        if VENDORED.fullmatch(folder):
            return f"vendored (in {folder})"
    if GENERATED.fullmatch(path.name):
        return "generated (by its name)"
    if _is_binary(head):
        return "binary"
    plain = head[2:].replace(b"\0", b"") if head.startswith((UTF_16_LE.bom, UTF_16_BE.bom)) else head
    if said := _says_generated(plain):
        return f"generated (says {said!r})"
    if conflict := CONFLICT.search(plain):
        line = plain.count(b"\n", 0, conflict.start()) + 1
        return f"in the middle of a merge (conflict marker at line {line})"
    return None


def _is_binary(head: bytes) -> bool:
    if head.startswith(UTF_32_MARKS):
        return True
    if head.startswith((UTF_16_LE.bom, UTF_16_BE.bom)):
        return False
    controls = len(head) - len(head.translate(None, CONTROLS))
    return b"\0" in head or controls > max(CONTROLS_ALLOWED, CONTROL_SHARE * len(head))


def _says_generated(head: bytes) -> str | None:
    """The words by which one of the first comments says that a program wrote this."""
    for line in head.removeprefix(UTF_8_BOM.bom).split(b"\n", TOP_LINES)[:TOP_LINES]:
        if COMMENT_BEGINS.match(line) and (found := SAYS_GENERATED.search(line[:500])):
            return found[0].decode("ascii", "replace").lstrip("#/*;%<!- \t\"'")
    return None
