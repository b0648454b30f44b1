"""Files that are never sent to a server: what a person lists in `.dgeditignore`, and what holds secrets by its name.

Patterns are as in gitignore: comments, `!`, folders with a slash at their end, `*` within a name, `**` across folders,
a slash elsewhere binds to the folder of the list. Two groups of rules are asked, and each can only forbid: the built-in
ones with the person's own `~/.dgeditignore`, and the lists from the repository's root down to the file's folder. So a
repository can forbid more, and only the person's own list takes a built-in rule back. A list that cannot be read
forbids. Knows no engine and no screen.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LIST_NAME = ".dgeditignore"
LIST_BYTES_MAX = 1_000_000
BUILT_IN = (
    ".env*",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "id_*",
    "credentials*",
    "secrets*",
    ".netrc",
    ".pgpass",
    ".htpasswd",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".ssh/",
    ".gnupg/",
    ".aws/",
    ".kube/",
)
"""Compared without regard to case."""


_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_MEMBER = re.compile(r"\[:(?P<name>\w*):\]|(?P<first>\\.|[^\\])(?:-(?P<last>\\.|[^\\]))?", re.DOTALL)
_PIECE = re.compile(
    r"(?P<stars>\*+)|(?P<one>\?)"
    r"|\[(?P<but>[!^])?(?P<members>(?:\]|\[:\w*:\]|\\.|[^\]\\])(?:\[:\w*:\]|\\.|[^\]\\])*)\]"
    r"|\\(?P<escaped>.)|(?P<plain>[^\\\[])",
    re.DOTALL,
)


class UnreadableError(Exception):
    """A list that is there but says nothing that can be followed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a list."""

    pattern: str
    """As it was written."""
    expression: re.Pattern[str]
    """Matches a path within the folder of the list, with slashes between names."""
    forbids: bool
    folders_only: bool
    bound: bool
    """It speaks of places below the folder of its list, not of a name anywhere."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A list and the folder that it is for."""

    folder: Path
    rules: tuple[Rule, ...]
    source: str
    """What a person knows it by."""


def refusal(path: Path) -> str | None:
    """Why a file is not sent, in one line; none where it may be. Both a link and what it leads to are asked."""
    try:
        for each in dict.fromkeys((_absolute(path), path.resolve())):
            found = _refusal(each)
            if found is not None:
                return found
    except (OSError, RuntimeError, UnreadableError) as error:
        return f"{path.name} is not sent: {error}"
    return None


def parse_rules(text: str, *, ignore_case: bool = False) -> tuple[Rule, ...]:
    """The rules of a list's text, in order; blank lines and comments are none.

    Raises:
        UnreadableError: when a pattern cannot be followed.
    """
    rules = list[Rule]()
    for line in text.removeprefix("\ufeff").split("\n"):
        rule = _rule(line.removesuffix("\r"), ignore_case)
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def forbidding(path: Path, group: Sequence[Rules]) -> tuple[Rule, Rules] | None:
    """The rule of a group that forbids a file; later lists and later lines overrule earlier ones.

    A folder that is forbidden forbids all below it, whatever is said of that.
    """
    for part in [*reversed(path.parents), path]:
        found = _last_match(part, group, is_folder=part != path)
        if found is not None and found[0].forbids:
            return found
    return None


def _refusal(path: Path) -> str | None:
    home = _home()
    root = _repository(path)
    top = root or (home if home in path.parents else Path(path.anchor))
    own = [Rules(top, _built_in(), "a built-in rule"), *_listed([home])]
    lists = _listed(folder for folder in _between(top, path) if folder != home)
    for group in (own, lists):
        found = forbidding(path, group)
        if found is not None:
            rule, rules = found
            return f"{path.name} is not sent: {rule.pattern!r} of {rules.source} forbids it"
    return None


def _absolute(path: Path) -> Path:
    """The path from the root on, with its links as they are."""
    return Path(os.path.abspath(path))


def _home() -> Path:
    return _absolute(Path.home())


def _repository(path: Path) -> Path | None:
    """The nearest folder above a file that is a repository's root."""
    return next((folder for folder in path.parents if (folder / ".git").exists()), None)


def _between(top: Path, path: Path) -> Iterator[Path]:
    """Folders from `top` down to the one that holds the file."""
    return (folder for folder in reversed(path.parents) if folder == top or top in folder.parents)


def _listed(folders: Iterator[Path] | Sequence[Path]) -> list[Rules]:
    found = list[Rules]()
    for folder in folders:
        place = folder / LIST_NAME
        text = _text(place)
        if text is not None:
            found.append(Rules(folder, parse_rules(text), str(place)))
    return found


def _text(place: Path) -> str | None:
    """The text of a list; none where there is no such file.

    Raises:
        UnreadableError: when there is one that cannot be followed.
    """
    try:
        # Without waiting: a pipe of that name is no list.
        with open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError(f"{place} is no regular file")
            raw = file.read(LIST_BYTES_MAX + 1)
        if len(raw) > LIST_BYTES_MAX:
            raise UnreadableError(f"{place} is over {LIST_BYTES_MAX:,} bytes")
        return raw.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnreadableError(f"{place} cannot be read: {reason}") from None


@lru_cache(maxsize=1)
def _built_in() -> tuple[Rule, ...]:
    return parse_rules("\n".join(BUILT_IN), ignore_case=True)


def _last_match(path: Path, group: Sequence[Rules], *, is_folder: bool) -> tuple[Rule, Rules] | None:
    for rules in reversed(group):
        within = path.relative_to(rules.folder).as_posix() if rules.folder in path.parents else None
        for rule in reversed(rules.rules):
            if rule.folders_only and not is_folder:
                continue
            # A list in the home folder speaks of names elsewhere too, but of no places there.
            place = within if within is not None else path.name if _speaks_elsewhere(rule, rules) else None
            if place is not None and rule.expression.fullmatch(place):
                return rule, rules
    return None


def _speaks_elsewhere(rule: Rule, rules: Rules) -> bool:
    return not rule.bound and rules.folder == _home()


def _rule(line: str, ignore_case: bool) -> Rule | None:
    written = _without_end_spaces(line)
    if not written or written.startswith("#"):
        return None
    forbids = not written.startswith("!")
    pattern = written if forbids else written[1:]
    # A slash needs no escape, but a backslash before it may be an escaped one.
    pattern = re.sub(r"\\(.)", lambda found: "/" if found[1] == "/" else found[0], pattern)
    folders_only = pattern.endswith("/")
    bound = "/" in pattern.removesuffix("/")
    pattern = pattern.removesuffix("/").removeprefix("/")
    if not pattern:
        return None
    try:
        made = _expression(pattern if bound else f"**/{pattern}")
        expression = re.compile(made, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    except (re.error, UnreadableError) as error:
        raise UnreadableError(f"the pattern {written!r} of {LIST_NAME} cannot be followed: {error}") from None
    return Rule(written, expression, forbids, folders_only, bound)


def _without_end_spaces(line: str) -> str:
    """A line without spaces at its end, unless a backslash keeps the first of them."""
    kept = line.rstrip(" ")
    backslashes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if backslashes % 2 and len(kept) < len(line) else kept


def _expression(pattern: str) -> str:
    """The regular expression of a bound pattern; atomic groups keep a hostile one from taking exponential time."""
    runs: list[list[str]] = [[]]
    for name in pattern.split("/"):
        if not _is_deep(name):
            runs[-1].append(_name_expression(name))
        elif runs[-1] or len(runs) == 1:
            runs.append([])
    first, *between = runs
    if not between:
        return "/".join(first)
    *middle, last = between
    made = "".join(name + "/" for name in first)
    for run in middle:
        made += "(?>(?:[^/]+/)*?" + "".join(name + "/" for name in run) + ")"
    return made + ("(?:[^/]+/)*" + "/".join(last) if last else ".+")


def _is_deep(name: str) -> bool:
    """Whether it stands for any number of folders."""
    return len(name) > 1 and not name.strip("*")


def _name_expression(name: str) -> str:
    """The regular expression of one name with `*`, `?`, brackets and backslashes."""
    parts, place = [""], 0
    while place < len(name):
        found = _PIECE.match(name, place)
        if found is None:
            raise UnreadableError(f"{name!r} has a bracket or a backslash that nothing ends")
        place = found.end()
        if found["stars"]:
            parts.append("")
        elif found["one"]:
            parts[-1] += "[^/]"
        elif found["members"]:
            parts[-1] += f"(?!/)[{'^' * bool(found['but'])}{_members(found['members'])}]"
        else:
            parts[-1] += re.escape(found["escaped"] or found["plain"])
    first, *between = parts
    if not between:
        return first
    return first + "".join(f"(?>[^/]*?{part})" for part in between[:-1]) + f"[^/]*{between[-1]}"


def _members(text: str) -> str:
    """What stands in brackets, for a regular expression."""
    made = ""
    for found in _MEMBER.finditer(text):
        if found["name"] is not None:
            if found["name"] not in _CLASSES:
                raise UnreadableError(f"[:{found['name']}:] is no class of characters")
            made += _CLASSES[found["name"]]
        else:
            made += "-".join(re.escape(end[-1]) for end in (found["first"], found["last"]) if end)
    return made
