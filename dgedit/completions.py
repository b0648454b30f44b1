"""Completion for shells, made from the command lines themselves, so that it never tells of an option that is gone.

dgedit completions bash > ~/.local/share/bash-completion/completions/dgedit
dgedit completions zsh  > a folder of $fpath, as _dgedit
dgedit completions fish > ~/.config/fish/completions/dgedit.fish
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import config
from .cli import COMMANDS, editor_parser


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or a choice of words where it has no names."""

    names: tuple[str, ...]
    takes_value: bool
    choices: tuple[str, ...]
    what: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command's options and words; the editor's name is empty."""

    name: str
    what: str
    options: tuple[Option, ...]

    @property
    def names(self) -> list[str]:
        """Of its options."""
        return [name for option in self.options for name in option.names]

    @property
    def words(self) -> list[str]:
        """That may stand without an option."""
        return [word for option in self.options if not option.names for word in option.choices]


def commands() -> list[Command]:
    """The editor, then every command."""
    found = [Command("", "edit files", tuple(_options(editor_parser(config.Infill()))))]
    for name, (_, what) in COMMANDS.items():
        parser = importlib.import_module(f".commands.{name}", __package__).parser()
        found.append(Command(name, what, tuple(_options(parser))))
    return found


def script(shell: str) -> str:
    """What a shell reads."""
    makers: dict[str, Callable[[list[Command]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return makers[shell](commands())


def _options(parser: argparse.ArgumentParser) -> Iterator[Option]:
    for action in parser._actions:
        choices = tuple(map(str, action.choices)) if action.choices is not None else ()
        if isinstance(action, argparse._SubParsersAction):
            yield Option((), False, choices, "")
        elif action.option_strings or choices:
            what = " ".join((action.help or "").split())
            if "%" in what:
                what = what % {"default": action.default, "prog": parser.prog}
            yield Option(tuple(action.option_strings), action.nargs != 0, choices, what)


def _bash(found: list[Command]) -> str:
    names = " ".join(command.name for command in found if command.name)
    cases = "\n".join(
        f'    {command.name or "*"}) words="{" ".join((*command.names, *command.words))}" ;;' for command in found[::-1]
    )
    values = "\n".join(
        f'    {"|".join(option.names)}) COMPREPLY=($(compgen -W "{" ".join(option.choices)}" -- "$word")); return ;;'
        for option in _distinct(found)
        if option.choices
    )
    return f"""\
# bash completion for dgedit
_dgedit() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" command="" words=""
  if [[ $COMP_CWORD -gt 1 ]]; then command="${{COMP_WORDS[1]}}"; fi
  case "$before" in
{values or "    -) ;;"}
  esac
  case "$command" in
{cases}
  esac
  if [[ $COMP_CWORD -eq 1 && $word != -* ]]; then words="{names}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ $word != -* ]]; then COMPREPLY+=($(compgen -f -- "$word")); fi
}}
complete -o filenames -o bashdefault -F _dgedit dgedit
"""


def _zsh(found: list[Command]) -> str:
    described = "\n".join(f"    {_quoted(f'{c.name}:{c.what}')}" for c in found if c.name)
    cases = "\n".join(
        f"    ({command.name or '*'}) _arguments {' '.join(_zsh_specs(command))} ;;" for command in found[::-1]
    )
    return f"""\
#compdef dgedit
_dgedit() {{
  local -a commands
  commands=(
{described}
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _describe command commands
    _files
    return
  fi
  local command=$words[2]
  case $command in
{cases}
  esac
}}
if [[ $funcstack[1] == _dgedit ]]; then _dgedit "$@"; else compdef _dgedit dgedit; fi
"""


def _zsh_specs(command: Command) -> Iterator[str]:
    for option in command.options:
        what = option.what.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
        value = (
            f":value:({' '.join(option.choices)})" if option.choices else ":value:_files" if option.takes_value else ""
        )
        if option.names:
            yield from (_quoted(f"{name}[{what}]{value}") for name in option.names)
    words = " ".join(command.words)
    yield _quoted(f"*:file:{{ compadd {words}; _files }}" if words else "*:file:_files")


def _fish(found: list[Command]) -> str:
    names = " ".join(command.name for command in found if command.name)
    lines = ["# fish completion for dgedit"]
    for command in found:
        if command.name:
            lines.append(
                f"complete -c dgedit -n 'not __fish_seen_subcommand_from {names}'"
                f" -a {command.name} -d {_quoted(command.what)}"
            )
            when = f"__fish_seen_subcommand_from {command.name}"
        else:
            when = f"not __fish_seen_subcommand_from {names}"
        if command.words:
            lines.append(f"complete -c dgedit -n '{when}' -a {_quoted(' '.join(command.words))}")
        for option in command.options:
            if option.names:
                lines.append(_fish_line(when, option))
    return "\n".join(lines) + "\n"


def _fish_line(when: str, option: Option) -> str:
    flags = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
    value = f" -xa {_quoted(' '.join(option.choices))}" if option.choices else " -r" if option.takes_value else ""
    return f"complete -c dgedit -n '{when}' {flags}{value} -d {_quoted(option.what)}"


def _distinct(found: list[Command]) -> list[Option]:
    """Options by their names; the first of those with one name counts."""
    return list({option.names: option for command in found for option in command.options if option.names}.values())


def _quoted(text: str) -> str:
    """One word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"
