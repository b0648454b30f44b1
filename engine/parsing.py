"""Whether a text is of its language by what the standard library has: Python, JSON, TOML; imports no torch.

Every check of syntax in the product that needs no grammar begins here. What versions of a language this interpreter
does not know is for `judges` to say.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Callable

from .types import InfillRequest

PARSE_LIMIT_CHARS = 400_000
"""Larger files are not parsed for each candidate."""
Error = tuple[int, int, str]
"""Line and column from 0, and what is wrong."""
_TOO_DEEP = "too deep to parse"


def module_or_error(source: str | bytes) -> ast.Module | SyntaxError:
    """The tree of a Python module, or why this interpreter does not read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error) or _TOO_DEEP)


def module_of(source: str | bytes) -> ast.Module | None:
    """The tree of a Python module; none where this interpreter does not read it."""
    found = module_or_error(source)
    return None if isinstance(found, SyntaxError) else found


def error_in(source: str | bytes) -> SyntaxError | None:
    """Why this interpreter does not read a Python module; none where it does."""
    found = module_or_error(source)
    return found if isinstance(found, SyntaxError) else None


def meaning(source: str) -> str | None:
    """What a Python module says, the same for two that differ in nothing but how they are written; none for no Python.

    A tree may be read and yet be too deep to be told.
    """
    found = module_of(source)
    try:
        return None if found is None else ast.dump(found)
    except RecursionError:
        return None


def compiles(source: str, *, awaits: bool = False) -> bool:
    """Whether Python also takes what a module that parses means: no `return` outside of a function.

    Args:
        awaits: whether `await` may stand outside of functions, as in notebooks.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if awaits else 0
            compile(source, "text", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def json_error(text: str) -> Error | None:
    """Why a text is no JSON; none where it is."""
    try:
        json.loads(text, parse_int=len, parse_float=len)
    except json.JSONDecodeError as error:
        return error.lineno - 1, error.colno - 1, error.msg
    except RecursionError:
        return 0, 0, _TOO_DEEP
    return None


def toml_error(text: str, loads: Callable[[str], object] = tomllib.loads) -> Error | None:
    """Why a text is no TOML to a reader of it; none where it is."""
    try:
        loads(text)
    except ValueError as error:
        message, _, place = str(error).partition(" (at ")
        numbers = [int(number) - 1 for number in re.findall(r"\d+", place)]
        return (numbers[0], numbers[1], message) if len(numbers) == 2 else (text.count("\n"), 0, message)
    except RecursionError:
        return 0, 0, _TOO_DEEP
    return None


def reads(text: str, language: str) -> bool | None:
    """Whether a whole text, notebooks' cells too, is of its language; none for one without a parser here."""
    if language == "python":
        return compiles(text, awaits=True)
    if language == "json":
        return json_error(text) is None
    return toml_error(text) is None if language == "toml" else None


def parses(request: InfillRequest, text: str) -> bool | None:
    """Whether the whole file parses with `text` in the span; none for other languages and very large files."""
    source = request.prefix + text + request.suffix
    if request.language != "python" or len(source) > PARSE_LIMIT_CHARS:
        return None
    return error_in(source) is None
