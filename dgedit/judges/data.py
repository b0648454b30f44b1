"""Whether a text of JSON, JSON with comments, TOML or YAML is valid: by parsers, and by two of them where they differ.

JSON is judged by the standard library, where comments are customary with those and trailing commas taken out. TOML by
tomli, which knows TOML 1.1, else by the standard library. YAML by its grammar and PyYAML: broken is what neither reads.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from ..engine import parsing
from ..engine.parsing import Error, json_error
from . import templates
from .verdict import Verdict, broken, unknown, valid

_COMMENTED = re.compile(
    r"(?:ts|js)config(?:[.-].*)?\.json|\.(?:eslint|babel|jshint|jscs|swc|oxlint|hint|markdownlint)(?:rc)?(?:\.json)?"
    r"|(?:tslint|devcontainer|\.devcontainer|api-extractor|typedoc|nx|turbo|biome|deno|babel\.config|renovate)\.json"
    r"|language-configuration\.json|.*\.(?:jsonc|code-workspace|code-snippets|sublime-[\w-]+|har|geojsonc)",
    re.IGNORECASE,
)
"""Names of files in which comments and trailing commas are customary."""
_COMMENTED_FOLDERS = frozenset({".vscode", ".zed", ".devcontainer"})
_LOOSE = re.compile(
    r"(\"(?:[^\"\\\n]|\\.)*+\")|(//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)|(,)(?=(?:\s|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+[\]}])"
)
_LANGUAGES = frozenset({"json", "jsonc", "toml", "yaml"})


def judge(text: str, language: str, path: Path | None, grammar_reads: Callable[[], bool]) -> Verdict | None:
    """How a text of data stands; none for other languages.

    Args:
        grammar_reads: whether the language's grammar reads the text; asked where that decides.
    """
    if language not in _LANGUAGES:
        return None
    found = _yaml(text, grammar_reads) if language == "yaml" else None
    if language == "toml":
        found = _toml(text, grammar_reads)
    elif language in ("json", "jsonc"):
        found = _json(text, language, path)
    if found is not None and found.is_broken and templates.is_near(text, found.line, templates.IN_DATA):
        return unknown("a line of a template from which it is made", found.line, found.by)
    return found


def loose(text: str) -> str:
    """JSON with its comments and trailing commas blanked, every place kept."""
    return _LOOSE.sub(lambda match: match[1] or re.sub(r"[^\n]", " ", match[0]), text)


def toml_error(text: str) -> Error | None:
    """Why a text is no TOML; none where it is."""
    return parsing.toml_error(text, _toml_loads())


def _json(text: str, language: str, path: Path | None) -> Verdict:
    by = "the json module"
    error = json_error(text)
    if error is None:
        return valid(by)
    if not text.strip():
        return unknown("it is empty", 0, by)
    bare = loose(text)
    commented = language == "jsonc" or _is_commented(path)
    loose_error = json_error(bare)
    if loose_error is None and commented:
        return valid(f"{by}, comments and trailing commas aside")
    if loose_error is None and _holds_comments(text, bare):
        return unknown("JSON with comments, which its readers may take or not", error[0], by)
    if _is_lines(text):
        return valid(f"{by}, one value a line")
    if path is not None and path.name.startswith(".") and not path.suffix and _is_mapping_of_yaml(text):
        return valid("PyYAML")
    if path is not None and path.suffix == ".json5":
        return unknown("JSON5 is not judged", error[0], by)
    line, column, message = loose_error if commented and loose_error else error
    return unknown(message, line, by) if message.startswith("too deep") else broken(message, line, column, by)


def _holds_comments(text: str, bare: str) -> bool:
    """Whether more than commas was blanked: who writes comments may also write commas that nothing follows."""
    return any(sign not in (other, ",") for sign, other in zip(text, bare, strict=True))


def _is_commented(path: Path | None) -> bool:
    return path is not None and (
        _COMMENTED.fullmatch(path.name) is not None or not _COMMENTED_FOLDERS.isdisjoint(path.parts)
    )


def _is_lines(text: str) -> bool:
    """Whether every line is a value of its own, and there are two at least."""
    lines = [line for line in text.split("\n") if line.strip()]
    return len(lines) > 1 and all(line.lstrip()[0] in "{[" and json_error(line) is None for line in lines)


def _toml_loads() -> Callable[[str], object]:
    try:
        import tomli
    except ImportError:
        return tomllib.loads
    return tomli.loads


def _toml(text: str, grammar_reads: Callable[[], bool]) -> Verdict:
    error = toml_error(text)
    by = _toml_loads().__module__.split(".")[0]
    if error is None:
        return valid(by)
    line, column, message = error
    if by == "tomllib" and grammar_reads():
        return unknown("it may be TOML 1.1, which this Python does not read", line, by)
    return broken(message, line, column, by)


def _yaml(text: str, grammar_reads: Callable[[], bool]) -> Verdict:
    if grammar_reads():
        return valid("tree-sitter's grammar")
    try:
        import yaml
    except ImportError:
        return unknown("its grammar does not understand it, and PyYAML is not installed", 0, "tree-sitter's grammar")
    try:
        for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark
        return broken(
            error.problem or "not understood", place.line if place else 0, place.column if place else 0, "PyYAML"
        )
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return unknown(str(error).split("\n", 1)[0], 0, "PyYAML")
    return valid("PyYAML")


def _is_mapping_of_yaml(text: str) -> bool:
    """Whether settings without an ending, which may be JSON or YAML, are the latter."""
    try:
        import yaml

        return isinstance(yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), yaml.MappingNode)
    except (ImportError, yaml.YAMLError, RecursionError, ValueError):
        return False
