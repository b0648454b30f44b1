"""`dgedit completions`: made from the command lines themselves, so that no option is missing and none is left over.

A shell is told, for each command (`dgedit`, `dgedit hook run`): its options and what their values may be, the words
that may follow, and whether files may. It must know nothing of what commands do.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..batch.output import printed
from ..engine.catalog import bundled_models
from ..engine.packaged import PACKAGED
from ..text.languages import EXTENSIONS
from . import editor
from .arguments import CommandParser

SHELLS = ("bash", "zsh", "fish")
EPILOG = """\
where the script goes:
  bash  dgedit completions bash > ~/.local/share/bash-completion/completions/dgedit
        or, without the package bash-completion, in ~/.bashrc: source <(dgedit completions bash)
  zsh   dgedit completions zsh > _dgedit, in a folder of $fpath
  fish  dgedit completions fish > ~/.config/fish/completions/dgedit.fish
"""
VALUES = {"--model": ("auto", *PACKAGED, "diffusiongemma", *bundled_models()), "--language": tuple(sorted(EXTENSIONS))}
"""Of options that take other values, too."""
OFFER_FILES = ("--model",)
"""Beside the options whose values are paths."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option."""

    names: tuple[str, ...]
    what: str
    takes_value: bool
    words: tuple[str, ...]
    """That its value may be."""
    takes_file: bool
    """Whether its value may be a path."""
    repeats: bool


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What may follow some first words."""

    name: str
    """The first words, from dgedit on."""
    options: tuple[Option, ...]
    words: dict[str, str]
    """That may come next, with what they do."""
    takes_files: bool

    @property
    def option_names(self) -> list[str]:
        """Every name of every option."""
        return [name for option in self.options for name in option.names]


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit completions",
        description="Print what a shell needs to complete the command line of dgedit.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("shell", choices=SHELLS, help="whose script is printed")
    return made


def run(options: argparse.Namespace) -> int:
    """Print; returns the exit code."""
    return printed(script(options.shell))


def script(shell: str) -> str:
    """What a shell reads."""
    makers: dict[str, Callable[[list[CommandLine]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return makers[shell](commands())


def commands() -> list[CommandLine]:
    """The editor, then every command and what is below it."""
    whole = _command("dgedit", editor.parser())
    words = {name: what for name, (_, what) in editor.COMMANDS.items()}
    found = [CommandLine(whole.name, whole.options, words, whole.takes_files)]
    for name in editor.COMMANDS:
        parser = importlib.import_module(f".{name}", __package__).parser()
        found += _commands(f"dgedit {name}", parser)
    return found


def _commands(name: str, parser: argparse.ArgumentParser) -> Iterator[CommandLine]:
    yield _command(name, parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from _commands(f"{name} {word}", below)


def _command(name: str, parser: argparse.ArgumentParser) -> CommandLine:
    options, words, takes_files = list[Option](), dict[str, str](), False
    for action in parser._actions:
        if action.option_strings:
            options.append(_option(action, parser))
        elif isinstance(action, argparse._SubParsersAction):
            words |= {choice.dest: choice.help or "" for choice in action._choices_actions}
        elif action.choices is not None:
            words |= dict.fromkeys(map(str, action.choices), "")
        else:
            takes_files = True
    return CommandLine(name, tuple(options), words, takes_files)


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> Option:
    names = tuple(action.option_strings)
    what = (action.help or "") % {**vars(action), "prog": parser.prog}
    listed = action.choices if action.choices is not None else VALUES.get(names[-1], ())
    return Option(
        names=names,
        what=" ".join(what.split()),
        takes_value=action.nargs != 0,
        words=tuple(map(str, listed)),
        takes_file=action.type is Path or names[-1] in OFFER_FILES,
        repeats=isinstance(action, argparse._AppendAction),
    )


_BASH = """\
# bash completion for dgedit
_dgedit() {
  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command=dgedit at=1 words="" files="" name
  if [[ $word == "=" ]]; then word=""; elif [[ $before == "=" ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"; fi
  while ((at < COMP_CWORD)) && [[ "@KNOWN@" == *"|$command ${COMP_WORDS[at]}|"* ]]; do
    command+=" ${COMP_WORDS[at]}"
    ((at += 1))
  done
  case "$command $before" in
@VALUES@
    *)
      if [[ $word == -* ]]; then
        case "$command" in
@OPTIONS@
        esac
      else
        case "$command" in
          @WITH_FILES@) files=yes ;;
        esac
        if ((at == COMP_CWORD)); then
          case "$command" in
@WORDS@
          esac
        fi
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ $files ]]; then
    # Where nothing fits, bash itself completes names; it understands quotes.
    compopt -o default 2>/dev/null
    while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _dgedit dgedit
"""


def _bash(found: list[CommandLine]) -> str:
    values = dict[tuple[tuple[str, ...], bool], list[str]]()
    for command in found:
        for option in command.options:
            if option.takes_value:
                patterns = values.setdefault((option.words, option.takes_file), [])
                patterns += [f'"{command.name} {name}"' for name in option.names]
    chosen = [
        f'    {" | ".join(patterns)}) words="{" ".join(words)}" files={"yes" if takes_file else ""} ;;'
        for (words, takes_file), patterns in values.items()
    ]
    options = [f'          "{command.name}") words="{" ".join(command.option_names)}" ;;' for command in found]
    words = [
        f'            "{command.name}") words="{" ".join(command.words)}" ;;' for command in found if command.words
    ]
    return (
        _BASH.replace("@KNOWN@", "|".join(["", *(command.name for command in found), ""]))
        .replace("@VALUES@", "\n".join(chosen))
        .replace("@OPTIONS@", "\n".join(options))
        .replace("@WITH_FILES@", " | ".join(f'"{command.name}"' for command in found if command.takes_files))
        .replace("@WORDS@", "\n".join(words))
    )


_ZSH = """\
#compdef dgedit
_dgedit() {
  local command=dgedit at=2
  local -a known following
  known=(@KNOWN@)
  while (( at < CURRENT && ${known[(Ie)$command $words[at]]} )); do
    command+=" $words[at]"
    (( at += 1 ))
  done
  shift $(( at - 2 )) words
  (( CURRENT -= at - 2 ))
  case $command in
@COMMANDS@
  esac
}
if [[ $funcstack[1] == _dgedit ]]; then _dgedit "$@"; else compdef _dgedit dgedit; fi
"""


def _zsh(found: list[CommandLine]) -> str:
    return _ZSH.replace("@KNOWN@", " ".join(_quoted(command.name) for command in found)).replace(
        "@COMMANDS@", "\n".join(map(_zsh_command, found))
    )


def _zsh_command(command: CommandLine) -> str:
    lines = [f"    ({_quoted(command.name)})"]
    if command.words:
        lines.append(f"      following=({' '.join(_quoted(f'{word}:{what}') for word, what in command.words.items())})")
    specs = [spec for option in command.options for spec in _zsh_specs(option)]
    if command.words:
        specs.append(f"1:word:{{ _describe word following{'; _files' if command.takes_files else ''} }}")
    if command.takes_files:
        specs.append("*:file:_files")
    return "\n".join([*lines, f"      _arguments -S {' '.join(map(_quoted, specs))} ;;"])


def _zsh_specs(option: Option) -> Iterator[str]:
    what = option.what.translate({ord(sign): f"\\{sign}" for sign in "\\[]:"})
    words = " ".join(option.words)
    value = ""
    if option.words and option.takes_file:
        value = f":value:{{ compadd - {words}; _files }}"
    elif option.takes_value:
        value = f":value:({words})" if words else ":value:_files" if option.takes_file else ":value: "
    before = "*" if option.repeats else f"({' '.join(option.names)})"
    for name in option.names:
        yield f"{before}{name}{'=' if value and name.startswith('--') else ''}[{what}]{value}"


_FISH = """\
# fish completion for dgedit
function __dgedit_at
    set -l command dgedit
    set -l given (commandline -opc)
    for word in $given[2..]
        contains -- "$command $word" @KNOWN@; or break
        set command "$command $word"
    end
    test "$command" = "$argv[1]"; or return
    test "$argv[2]" != next; or test (count $given) -eq (count (string split ' ' $command))
end
"""


def _fish(found: list[CommandLine]) -> str:
    lines = [_FISH.replace("@KNOWN@", " ".join(_quoted(command.name) for command in found))]
    for command in found:
        if not command.takes_files:
            lines.append(_fish_line(command.name, "", "-f"))
        for word, what in command.words.items():
            lines.append(_fish_line(command.name, " next", f"-a {word} -d {_quoted(what)}"))
        lines += [_fish_line(command.name, "", _fish_option(option)) for option in command.options]
    return "\n".join(lines) + "\n"


def _fish_line(name: str, where: str, rest: str) -> str:
    condition = f'__dgedit_at "{name}"{where}'
    return f"complete -c dgedit -n {_quoted(condition)} {rest}"


def _fish_option(option: Option) -> str:
    flags = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    if option.takes_value:
        flags.append("-rF" if option.takes_file else "-x")
    if option.words:
        flags.append(f"-a {_quoted(' '.join(option.words))}")
    return f"{' '.join(flags)} -d {_quoted(option.what)}"


def _quoted(text: str) -> str:
    """One word of a POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"
