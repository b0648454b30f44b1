"""Git's pre-commit hook as a file: put in place, chained behind the one that stood there, and taken away again.

A hook of somebody else is never changed: it is renamed, runs first, and comes back under its own name. Tools that
write hooks themselves have a list of their own to stand in, so there the person is told that. It must know nothing of
what the hook then does.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from ..errors import DgeditError
from ..files.disk import write_atomically
from .git import Repository
from .words import Say

HOOK = "pre-commit"
SAVED = "pre-commit.before-dgedit"
COMMAND = "dgedit hook run"

SIGNATURE = "# Written by `dgedit hook install`"
SCRIPT = f"""\
#!/bin/sh
{SIGNATURE}; `dgedit hook uninstall` takes it away again.
# A hook that stood here before is kept beside this file, as {SAVED}, and runs first.
before=$(dirname -- "$0")/{SAVED}
if [ -x "$before" ]; then
    "$before" "$@" || exit
fi
python=@PYTHON@
if [ ! -x "$python" ]; then
    echo "dgedit: $python is gone; run: dgedit hook install, or this once: git commit --no-verify" >&2
    exit 1
fi
exec "$python" -P -m {COMMAND}
"""

MANAGERS = {
    b"pre-commit.com": ("pre-commit", "add the hook dgedit-check to .pre-commit-config.yaml instead"),
    b"husky": ("husky", f"add the line `{COMMAND}` to .husky/pre-commit instead"),
    b"lefthook": ("lefthook", f"add `run: {COMMAND}` to the pre-commit commands of lefthook.yml instead"),
    b"overcommit": ("overcommit", f"add `{COMMAND}` as a PreCommit hook to .overcommit.yml instead"),
}
"""Words in a hook by which it belongs to a tool that would write over ours, the tool, and what to do there."""


@dataclass(frozen=True, slots=True)
class HookPlace:
    """Where the hook stands, and where the one before it is kept."""

    hook: Path
    saved: Path


def place_of(repository: Repository) -> HookPlace:
    """Where this repository's pre-commit hook belongs.

    Raises:
        DgeditError: when git is told to look in a folder that this repository shares with others.
    """
    folder = repository.hooks_folder()
    scope = repository.hooks_path_scope()
    if scope not in ("", "local", "worktree"):
        raise DgeditError(
            f"core.hooksPath is {folder} for more than this repository (set: {scope})",
            f"add the line `{COMMAND} || exit` to {folder / HOOK} yourself, or set core.hooksPath with --local",
        )
    if folder.exists() and not folder.is_dir():
        raise DgeditError(f"hooks are turned off: core.hooksPath is {folder}, which is no folder", "unset it first")
    return HookPlace(folder / HOOK, folder / SAVED)


def install(repository: Repository, python: str, say: Say) -> None:
    """Put the hook in place, behind the one that stands there.

    Raises:
        DgeditError: when a tool keeps the hooks, when two hooks are in the way, or a file cannot be written.
    """
    place = place_of(repository)
    text = SCRIPT.replace("@PYTHON@", shlex.quote(python))
    renews = _is_there(place.hook) and _is_ours(place.hook)
    try:
        place.hook.parent.mkdir(parents=True, exist_ok=True)
        if not renews:
            _keep(place)
        try:
            _write_script(place.hook, text.encode("utf-8", "surrogateescape"))
        except BaseException:
            if not renews and _is_there(place.saved):
                os.replace(place.saved, place.hook)
            raise
    except OSError as error:
        raise DgeditError(f"cannot install {place.hook}: {error.strerror}", "check its permissions") from error
    say(f"{'renewed' if renews else 'installed'} {place.hook}")
    if _is_there(place.saved):
        say(f"the hook that stood there runs first; it is kept as {SAVED}")
    if place.hook.is_relative_to(repository.root) and repository.hooks_path_scope():
        say("core.hooksPath leads into the working tree: whether to commit the hook is yours to decide")


def uninstall(repository: Repository, say: Say) -> None:
    """Take the hook away and put back the one that stood there.

    Raises:
        DgeditError: when the hook is not as it was installed, or a file cannot be renamed.
    """
    place = place_of(repository)
    if _is_there(place.hook) and not _is_ours(place.hook):
        if _is_there(place.saved):
            raise _changed(place)
        _refuse_changed(place)
        say(f"nothing to take away: {place.hook} is not dgedit's")
        return
    try:
        if _is_there(place.saved):
            os.replace(place.saved, place.hook)
            say(f"put back the hook that stood at {place.hook}")
        elif _is_there(place.hook):
            place.hook.unlink()
            say(f"took away {place.hook}")
        else:
            say(f"nothing to take away: there is no {place.hook}")
    except OSError as error:
        raise DgeditError(f"cannot change {place.hook}: {error.strerror}", "check its permissions") from error


def _keep(place: HookPlace) -> None:
    """Rename a hook of somebody else, unless its owner would write over ours or a hook is already kept."""
    if not _is_there(place.hook):
        return
    if not (place.hook.is_file() or place.hook.is_symlink()):
        raise DgeditError(f"{place.hook} is no file", "take it away first")
    _refuse_changed(place)
    raw = _raw(place.hook)
    for word, (tool, remedy) in MANAGERS.items():
        if word in raw:
            raise DgeditError(f"{tool} keeps the hooks of this repository", remedy)
    if _is_there(place.saved):
        raise DgeditError(f"{place.hook} and {place.saved} are both hooks of somebody else", "take one of them away")
    os.rename(place.hook, place.saved)


def _is_ours(hook: Path) -> bool:
    """Whether dgedit wrote it and nobody changed it since; the path of the Python may be another."""
    if hook.is_symlink() or not hook.is_file():
        return False
    head, _, tail = SCRIPT.partition("@PYTHON@")
    text = _raw(hook).decode("utf-8", "surrogateescape")
    path = text.removeprefix(head).removesuffix(tail)
    return text == head + path + tail and "\n" not in path


def _refuse_changed(place: HookPlace) -> None:
    """Keep away from a hook of ours that was changed since, or that another version of dgedit wrote."""
    if SIGNATURE.encode() in _raw(place.hook):
        raise _changed(place)


def _changed(place: HookPlace) -> DgeditError:
    kept = f"; the hook before it is {place.saved}" if _is_there(place.saved) else ""
    return DgeditError(f"{place.hook} is not as this dgedit writes it", f"mend it or take it away by hand{kept}")


def _raw(hook: Path) -> bytes:
    """The bytes of a hook; none where its name leads nowhere."""
    return hook.read_bytes() if hook.is_file() else b""


def _is_there(path: Path) -> bool:
    """Whether a name is taken, also by a link that leads nowhere."""
    return os.path.lexists(path)


def _write_script(path: Path, raw: bytes) -> None:
    """Write a file that everybody may run who may read it."""
    write_atomically(path, raw)
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode | (mode & 0o444) >> 2)
