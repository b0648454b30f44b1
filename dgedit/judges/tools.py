"""What a language's own program says of one file, where it is installed: bash, node, gofmt, rustc, javac, ruby, gcc.

Each is used so that it only parses: nothing of the text is run, no project is read, nothing is written beside the
source. A program's yes always counts. Its no counts where it knows the newest syntax of its language and the text is
in no dialect of it; otherwise the verdict is that it cannot be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from . import programs, templates
from .verdict import Verdict, broken, unknown, valid

Tool = Callable[[str, Path | None], Verdict | None]
"""Judges a text, whose file has this name; none where the program is missing or did not answer."""

_HARNESS = """
const vm = require("vm"), text = require("fs").readFileSync(0, "utf8");
const names = ["exports", "require", "module", "__filename", "__dirname"];
const ways = [
  () => new vm.Script(text, { filename: "text.js" }),
  () => vm.compileFunction(text.replace(/^#!.*/, ""), names, { filename: "text.js" }),
  () => new vm.SourceTextModule(text, { identifier: "text.js" }),
];
const said = { version: process.versions.node, valid: false, errors: [] };
for (const way of ways) {
  try { way(); said.valid = true; break; }
  catch (error) {
    const place = /text\\.js:(\\d+)/.exec(error.stack || "");
    said.errors.push([error.message, place ? Number(place[1]) : 0]);
  }
}
console.log(JSON.stringify(said));
"""
_OF_MODULES = re.compile(r"import statement outside|Unexpected token 'export'|Cannot use 'import\.meta'|await is only")
_NOT_NEW = re.compile(r"Invalid regular expression|is not supported|experimental|Undefined label|has already been")
"""What node says of things that are no syntax, or that a newer one may take."""
_DIALECT = re.compile(
    r"<\w[\w.]*(?:\s+[\w-]+=|\s*/?>)|<>|</\w|@flow\b|^\s*@\w[\w.]*(?:\(.*\))?\s*$|@\w+\s+(?:export\s+)?class\b"
    r"|\b(?:await\s+)?using\s+\w+\s*=|\bimport\s+(?:type|defer|source|typeof)\b|\bexport\s+type\b"
    r"|\b(?:interface|declare|enum|namespace)\s+\w|\)\s*:\s*\w[\w.<>|\[\] ]*\s*(?:\{|=>)|\(\s*\w+\??\s*:\s*\w"
    r"|\b(?:as|satisfies)\s+\w|^\s*type\s+\w+|\|>|%[A-Z]\w+\(|#\{|#\[|\bmodule\s+\w+\s*\{|\{\{|\{%|<%|\.\.\.\s*$"
    r"|\baccessor\s+[\w#\[]|@\w[\w.]*(?:\([^)\n]*\))?\s+[#\w*\[]|\busing\s+\w+\s+of\b|\bimport\.(?!meta)\w"
    r"|[=(,?:]\s*do\s*\{|=>\s*throw\b|[(,]\s*\?\s*[,)]|::\w|=\s*module\s*\{",
    re.MULTILINE,
)
"""Signs of JSX, Flow, TypeScript, proposals and templates, which go by the name of JavaScript."""
_SHELLS = frozenset({"bash", "sh", "dash", "ash", "busybox"})
_OTHER_SHELL = re.compile(
    r"\A#(?:compdef|autoload)\b|^#.*\b(?:ft|filetype|syntax)=(?:zsh|m?ksh(?:93)?|fish)\b|^#.*-\*-.*\b(?:zsh|ksh|fish)\b"
    r"|^#.*\bsh-shell:\s*(?:zsh|ksh)|^\s*(?:builtin\s+)?(?:emulate|setopt|unsetopt|zmodload|zstyle|bindkey|compdef|autoload)\s"
    r"|^\s*set\s+-A\s|^\s*(?:print\s+-|typeset\s+-[CFT]\s|namespace\s+\w+\s*\{)",
    re.MULTILINE,
)
"""What shows a script of a shell that bash is not: how editors and zsh name it, and commands that only those have."""
_SHELL_NAMES = re.compile(
    r"(?:.*\.(?:sh|bash|ebuild|eclass)|\.bash\w+|\.profile|pkgbuild|apkbuild|[^.]*)$", re.IGNORECASE
)
_HANDS_OVER = re.compile(r"^(?:'{3}|\"{3})?'?(?:exec|exit)\b", re.MULTILINE)
_BASH = re.compile(r"line (\d+): (.*)")
_GO = re.compile(r":(\d+):(\d+): (.*)")
_RUST_CODE = re.compile(r"E0658")
_RUST_OLD = re.compile(r"\b(?:has been|was|were) removed\b|\bno longer\b|\bobsolete\b")
_RUST_HEAD = re.compile(r"\A(?:#!(?!\[).*)?(?:\s*^(?P<fence>-{3,})[^\n]*\n(?:.*\n)*?(?P=fence)[ \t]*$)?", re.MULTILINE)
"""The interpreter that a script names, and what it needs, between lines of dashes."""
_JAVA = re.compile(r"^Text\.java:(\d+):(\d+): (compiler\.err\.[\w.]+)(.*)", re.MULTILINE)
_JAVA_NEWEST = 25
_JAVA_SAYS = {"premature.eof": "the end comes too early", "unclosed.str.lit": "a string is never closed"}
_RUBY = re.compile(r"^-:(\d+):\s*(.*)", re.MULTILINE)
_RUBY_NEWEST = (3, 4)
FOLDERS_AROUND = 5
"""In so many folders above a file of C its headers are looked for."""
_C_FORMS = {"c": (("c", "-std=gnu2x"), ("c++", "-std=gnu++2b")), "cpp": (("c++", "-std=gnu++2b"),)}


def judge(text: str, language: str, path: Path | None) -> Verdict | None:
    """What the program of a language says of a text; none where there is none, or it did not answer."""
    tool = _TOOLS.get(language)
    return tool(text, path) if tool is not None else None


def name_of(language: str) -> str:
    """The program that could judge a language; empty where none is known."""
    return {"bash": "bash", "javascript": "node", "go": "gofmt", "rust": "rustc", "java": "javac", "ruby": "ruby"}.get(
        language, ""
    )


def _javascript(text: str, _path: Path | None) -> Verdict | None:
    program = programs.found("node")
    if program is None:
        return None
    command = [program, "--experimental-vm-modules", "--no-warnings", "--max-old-space-size=512", "-e", _HARNESS]
    answer = programs.ask(command, text, memory_bytes=None)
    if answer is None or answer.code != 0:
        return None
    said = _object_of((answer.out.splitlines() or [""])[-1])
    if said is None:
        return None
    by = f"node {said['version']}"
    if said["valid"]:
        return valid(by)
    # As a script and as a module: which it is meant to be shows in which of the two reads further.
    message, line = said["errors"][2 if _OF_MODULES.search(said["errors"][0][0]) else 1]
    old = int(said["version"].split(".")[0]) < 18
    if old or _NOT_NEW.search(message) or _DIALECT.search(text):
        return unknown(f"{by} says: {message}; it may be a dialect or newer", line - 1, by)
    return broken(message, line - 1, 0, by)


def _shell(text: str, path: Path | None) -> Verdict | None:
    first = text.split("\n", 1)[0]
    named = re.search(r"(\w+)\s*(?:-\w+\s*)*$", first.removeprefix("#!").strip()) if first.startswith("#!") else None
    if named is None and path is not None and not _SHELL_NAMES.match(path.name):
        return None
    program = programs.found("bash")
    if program is None or (named is not None and named[1] not in _SHELLS):
        return None
    answer = None
    for options in ([], ["-O", "extglob"], ["-o", "posix"]):
        answer = programs.ask([program, "--norc", "--noprofile", "-n", *options, "text.sh"], files={"text.sh": text})
        if answer is None:
            return None
        if answer.code == 0:
            return valid("bash -n")
    said = _BASH.search(answer.err if answer else "")
    line = int(said[1]) - 1 if said else 0
    if _HANDS_OVER.search("\n".join(text.split("\n")[: line + 1])):
        return unknown("what a script holds behind exec or exit is not read by a shell", line, "bash -n")
    if _OTHER_SHELL.search(text):
        return unknown("it seems to be of another shell, which bash does not read", line, "bash -n")
    if templates.is_near(text, line, templates.IN_CODE):
        return unknown("a line of a template from which it is made", line, "bash -n")
    return broken(said[2] if said else "bash -n refuses it", line, 0, "bash -n")


def _go(text: str, _path: Path | None) -> Verdict | None:
    program = programs.found("gofmt")
    if program is None:
        return None
    answer = programs.ask([program, "-e"], text, memory_bytes=None)
    if answer is None:
        return None
    if answer.code == 0:
        return valid("gofmt -e")
    said = _GO.search(answer.err)
    if said is None or not _knows_generics(program):
        return unknown("gofmt does not read it", by="gofmt -e")
    return broken(said[3], int(said[1]) - 1, int(said[2]) - 1, "gofmt -e")


@cache
def _knows_generics(program: str) -> bool:
    """Whether a gofmt is new enough; it does not tell its version."""
    answer = programs.ask([program, "-e"], "package p\n\nfunc f[T any](x T) T { return x }\n", memory_bytes=None)
    return answer is not None and answer.code == 0


def _rustc() -> str | None:
    """The compiler itself: what rustup puts into its place may fetch one, or know none in another home."""
    program = programs.found("rustc")
    if program is None or Path(program).parent.name != "bin":
        return program
    toolchains = Path(program).parent.parent.parent / ".rustup" / "toolchains"
    found = sorted(toolchains.glob("*/bin/rustc"), key=lambda path: "stable" not in path.parts[-3])
    return str(found[0]) if found else program


def _rust(text: str, _path: Path | None) -> Verdict | None:
    program = _rustc()
    if program is None:
        return None
    # What is configured out must parse, and no more: nothing is resolved, expanded or read.
    source = "#[cfg(any())]mod m{" + _RUST_HEAD.sub(_blanked, text.removeprefix("\ufeff")) + "\n}\n"
    command = [program, "--crate-type", "lib", "--emit=metadata", "-o", "out", "--error-format=json", "-Awarnings"]
    worst = None
    for edition in ("2024", "2021", "2018", "2015"):
        answer = programs.ask([*command, "--edition", edition, "text.rs"], files={"text.rs": source})
        if answer is None:
            return None
        errors = [each for each in _rust_errors(answer.err) if not _RUST_CODE.search(str(each["code"]))]
        if not errors:
            # A syntax that is not stable yet is one all the same.
            return valid(f"rustc, edition {edition}") if answer.code == 0 or _RUST_CODE.search(answer.err) else None
        worst = worst or errors[0]
    if worst is None or not worst.get("spans"):
        return unknown("rustc does not read it", by="rustc")
    place = next((span for span in worst["spans"] if span["is_primary"]), worst["spans"][0])
    line, message = min(int(place["line_start"]) - 1, text.count("\n")), str(worst["message"])
    if _RUST_OLD.search(message):
        return unknown(f"rustc says: {message}; it may be of an older Rust", line, "rustc")
    return broken(message, line, int(place["column_start"]) - 1, "rustc")


def _blanked(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found.group())


def _rust_errors(said: str) -> list[dict[str, Any]]:
    told = filter(None, map(_object_of, said.splitlines()))
    return [each for each in told if each.get("level") == "error" and not each["message"].startswith("aborting")]


def _object_of(line: str) -> dict[str, Any] | None:
    """An object that a program printed; none for other words, and for a line that is cut off."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _java(text: str, _path: Path | None) -> Verdict | None:
    program = programs.found("javac")
    if program is None:
        return None
    command = [program, "-J-Xmx512m", "-J-XX:+UseSerialGC", "-J-XX:TieredStopAtLevel=1", "-proc:none", "-implicit:none"]
    command += ["-XDrawDiagnostics", "-XDshould-stop.ifNoError=PARSE", "-XDshould-stop.ifError=PARSE"]
    command += ["-encoding", "UTF-8", "-d", ".", "Text.java"]
    answer = programs.ask(command, files={"Text.java": text}, memory_bytes=None)
    if answer is None:
        return None
    # What is said of a public class in a file of another name is said after parsing.
    if answer.code == 0:
        return valid("javac")
    said = _JAVA.search(answer.err + answer.out)
    if said is None:
        return None
    line, column, key = int(said[1]) - 1, int(said[2]) - 1, said[3].removeprefix("compiler.err.")
    version = _java_version(program)
    if version < _JAVA_NEWEST:
        return unknown(f"javac {version} does not read it and is older than Java {_JAVA_NEWEST}", line, "javac")
    return broken(_JAVA_SAYS.get(key, f"{key}{said[4]}"), line, column, f"javac {version}")


@cache
def _java_version(program: str) -> int:
    answer = programs.ask([program, "-version"], memory_bytes=None)
    said = re.search(r"javac (\d+)", answer.out + answer.err) if answer else None
    return int(said[1]) if said else 0


def _ruby(text: str, _path: Path | None) -> Verdict | None:
    program = programs.found("ruby")
    if program is None:
        return None
    answer = programs.ask([program, "--disable=gems,rubyopt", "-W0", "-c", "-"], text, memory_bytes=None)
    if answer is None:
        return None
    if answer.code == 0:
        return valid("ruby -c")
    said = _RUBY.search(answer.err)
    line = int(said[1]) - 1 if said else 0
    if _ruby_version(program) < _RUBY_NEWEST:
        return unknown("ruby -c does not read it and is not the newest", line, "ruby -c")
    return broken(said[2] if said else "ruby -c refuses it", line, 0, "ruby -c")


@cache
def _ruby_version(program: str) -> tuple[int, ...]:
    answer = programs.ask([program, "--disable=gems", "--version"], memory_bytes=None)
    said = re.search(r"ruby (\d+)\.(\d+)", answer.out) if answer else None
    return (int(said[1]), int(said[2])) if said else (0,)


def _c(language: str) -> Tool:
    def judge_c(text: str, path: Path | None) -> Verdict | None:
        """A yes alone: without its project a file of C lacks headers, and its macros may be anything."""
        program = programs.found("gcc")
        if program is None:
            return None
        folder = [] if path is None else [word for each in _include_folders(path) for word in ("-I", str(each))]
        for kind, standard in _C_FORMS[language]:
            command = [program, "-x", kind, standard, "-fsyntax-only", "-w", *folder, "-"]
            answer = programs.ask(command, text)
            if answer is not None and answer.code == 0:
                return valid("gcc -fsyntax-only")
        return None

    return judge_c


def _include_folders(path: Path) -> list[Path]:
    """Where the headers of a file's project may lie: in the folders around it, and in theirs of that name."""
    around = list(path.resolve().parents)[:FOLDERS_AROUND]
    return [each for folder in around for each in (folder, folder / "include") if len(each.parts) > 2 and each.is_dir()]


_TOOLS: dict[str, Tool] = {
    "bash": _shell,
    "c": _c("c"),
    "cpp": _c("cpp"),
    "go": _go,
    "java": _java,
    "javascript": _javascript,
    "ruby": _ruby,
    "rust": _rust,
}
