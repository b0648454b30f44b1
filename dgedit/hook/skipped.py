"""Which files a hook leaves alone: binary, generated, vendored, or in the middle of a merge.

Decided by the name and the first bytes alone, without a model or a repository. When in doubt a file is left alone: it
can still be filled by naming it to `dgedit fill`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from ..text.conflicts import MARKER_BYTES
from ..text.encoding import CONTROL_SHARE, CONTROLS, CONTROLS_ALLOWED, UTF_8_BOM, UTF_16_BE, UTF_16_LE, UTF_32_MARKS
from ..text.languages import Comment, comment_of, detect

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
_WHAT = (
    r"(?:this|the)?\s*(?:code|file|source|module|header|class|document|script|program)?s?\s*(?:is|was|were|has been)?"
)
SAYS_GENERATED = re.compile(
    r"(?:^\W*?|\bis\s+|[.;,:(-]\s*)@generated\b"
    rf"|^(?:(?:warning|note|caution|attention|important)\W+)?{_WHAT}\s*(?:an?\s+)?"
    rf"(?:machine|auto(?:matically)?|programmatically)?[- ]?generated\b"
    rf"(?=\s+(?:file|code|by|from|with|using|on|at|via|source)\b|\W*$|\s*[.;,!(\u2013\u2014-])(?:\s+(?:by|from|with|using)\b)?"
    rf"|(?-i:\bDO NOT (?:EDIT|MODIFY|CHANGE)\b(?=\W*$|\s*[.;,!]|\s+(?:THIS|THE|BY|MANUALLY|DIRECTLY|IT|ANY)\b))"
    rf"|(?:^|[.;,:!(-]\s*)do not (?:edit|modify|change)(?:\s+(?:this|the|it|file|by|hand|manually|directly))*\W*$",
    re.IGNORECASE,
)
"""The forms that programs write, at the beginning of a comment; a sentence with such words in it is none."""
UNKNOWN_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|;|%|<!--|\(\*|\{-|!|@?REM\b|\.\.)", re.IGNORECASE)
"""How a comment may begin where the language is not known."""
LINE_CHARS = 500
_SIGNS = "#/*;%<!->({ \t\r.=+~|\"'"


def reason_to_skip(path: PurePath, head: bytes, *, conflicts: bool = True) -> str | None:
    """Why a hook should leave a file alone; none where it need not.

    Args:
        path: relative to the repository: folders above it say nothing about the file.
        head: the file's first bytes; conflict markers are seen in these alone, so better all of it.
        conflicts: whether lines of a conflict are a reason.
    """
    for folder in path.parts[:-1]:
        if VENDORED.fullmatch(folder):
            return f"vendored (in {folder})"
    if GENERATED.fullmatch(path.name):
        return "generated (by its name)"
    if _is_binary(head):
        return "binary"
    plain = head[2:].replace(b"\0", b"") if head.startswith((UTF_16_LE.bom, UTF_16_BE.bom)) else head
    if said := _says_generated(plain, path):
        return f"generated (says {said!r})"
    if conflicts and (conflict := MARKER_BYTES.search(plain)):
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


def _says_generated(head: bytes, path: PurePath) -> str | None:
    """The words by which one of the first comments says that a program wrote this."""
    lines = head.removeprefix(UTF_8_BOM.bom).split(b"\n", TOP_LINES)[:TOP_LINES]
    for words in _comments([line[:LINE_CHARS].decode("utf-8", "replace") for line in lines], path):
        if found := SAYS_GENERATED.search(words):
            return re.sub(r"^\W*?(?=@?\w)", "", found[0], count=1)
    return None


def _comments(lines: list[str], path: PurePath) -> Iterator[str]:
    """What the comments among the first lines say, a line each, without their signs."""
    comment = _comment(path, lines[0] if lines else "")
    opener, closer = comment.block or ("", "")
    signs = tuple(filter(None, (comment.line, opener)))
    inside = False
    for line in lines:
        words = line.strip()
        is_known = bool(signs)
        begins = inside or (words.startswith(signs) if is_known else UNKNOWN_COMMENT.match(words) is not None)
        if begins:
            yield words.replace(closer, "").strip(_SIGNS) if closer else words.strip(_SIGNS)
        if opener and (inside or words.startswith(opener)):
            inside = closer not in words.removeprefix(opener)


def _comment(path: PurePath, first: str) -> Comment:
    try:
        return comment_of(detect(Path(path), first))
    except ImportError:
        # The table of rare names comes with a package that a bare clone lacks.
        return Comment()
