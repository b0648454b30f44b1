"""A text as rough tokens that all languages share: strings, words, blanks, line breaks, signs. Never fails."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STRING = r'"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
_TOKEN = re.compile(rf"{_STRING}|\w+|[^\S\n]+|\n|.", re.DOTALL)
_LINE_COMMENT = {"#": "python bash ruby yaml toml r perl make elixir", "--": "lua sql haskell"}
_SLASHES = "c cpp csharp css dart go java javascript jsonc kotlin php rust scala swift tsx typescript zig"
OPENING, CLOSING = "([{", ")]}"
PAIRS = dict(zip(CLOSING, OPENING, strict=True))


@dataclass(frozen=True, slots=True)
class Token:
    """Characters [start, end) of a text."""

    text: str
    start: int

    @property
    def end(self) -> int:
        """Behind its last character."""
        return self.start + len(self.text)


def tokens(text: str) -> list[Token]:
    """All of them, in order."""
    return [Token(match.group(), match.start()) for match in _TOKEN.finditer(text)]


def solid(text: str) -> list[Token]:
    """The tokens that are neither blank nor a line break."""
    return [token for token in tokens(text) if not token.text.isspace()]


def comment_signs(language: str) -> tuple[str, ...]:
    """What begins a comment to the end of the line; nothing where that is not known."""
    signs = tuple(sign for sign, names in _LINE_COMMENT.items() if language in names.split())
    return (*signs, "//") if language in _SLASHES.split() else signs


def without_comment(line: str, language: str) -> str:
    """A line up to the comment that would swallow the rest of it; a sign inside of a string begins none."""
    signs = comment_signs(language)
    for token in tokens(line):
        if any(line.startswith(sign, token.start) for sign in signs) and len(token.text) == 1:
            return line[: token.start]
    return line


def unopened(text: str) -> int | None:
    """Where the first closing bracket stands that nothing in the text opened; none where there is none."""
    open_signs = list[str]()
    for token in tokens(text):
        if token.text in OPENING:
            open_signs.append(token.text)
        elif token.text in PAIRS:
            if not open_signs or open_signs[-1] != PAIRS[token.text]:
                return token.start
            open_signs.pop()
    return None


def is_word(text: str) -> bool:
    """Whether a token is a name, a keyword or a number."""
    return text[:1].isalnum() or text[:1] == "_"
