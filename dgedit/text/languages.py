"""What a text is written in, and what an editor must know of that: comments, indentation.

A language is a plain lower-case name. The name of the file decides, then the first line's `#!`, then a mode line,
then the table of file names that comes with Pygments, which is imported only when nothing else says anything. This
module must know neither grammars nor widgets.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

MODE_LINES = 5
"""Lines at either end of a text that are looked through for a mode line."""
SAMPLE_CHARS = 200_000
"""How much of a text is read to guess its indentation."""


@dataclass(frozen=True, slots=True)
class Comment:
    """How a language writes comments; neither where it has none, or where that is not known."""

    line: str | None = None
    block: tuple[str, str] | None = None


EXTENSIONS = {
    "awk": "awk",
    "bash": "sh bash zsh ksh ebuild eclass bats env",
    "batch": "bat cmd",
    "bibtex": "bib",
    "c": "c h",
    "clojure": "clj cljs cljc edn",
    "cmake": "cmake",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ ipp tpp ino cu cuh",
    "csharp": "cs csx",
    "css": "css",
    "csv": "csv tsv",
    "cython": "pyx pxd pxi",
    "dart": "dart",
    "diff": "diff patch",
    "docker": "dockerfile containerfile",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "fish": "fish",
    "fortran": "f f90 f95 f03 f08 for",
    "fsharp": "fs fsi fsx",
    "go": "go",
    "graphql": "graphql gql",
    "groovy": "groovy gradle",
    "haskell": "hs",
    "html": "html htm xhtml vue svelte astro erb jinja jinja2 j2 ejs hbs mustache",
    "ini": "ini cfg conf inf properties service socket timer desktop editorconfig",
    "java": "java",
    "javascript": "js mjs cjs jsx es6",
    "json": "json webmanifest ipynb geojson har",
    "jsonc": "jsonc json5 code-workspace",
    "julia": "jl",
    "kotlin": "kt kts",
    "less": "less",
    "lisp": "lisp lsp cl el",
    "lua": "lua",
    "make": "mk mak make",
    "markdown": "md markdown mkd mdx qmd rmd",
    "objective-c": "m mm",
    "nim": "nim nims",
    "nix": "nix",
    "ocaml": "ml mli",
    "pascal": "pas dpr",
    "perl": "pl pm t",
    "php": "php phtml php5 php7",
    "postscript": "ps eps",
    "powershell": "ps1 psm1 psd1",
    "protobuf": "proto",
    "python": "py pyi pyw bzl star",
    "r": "r",
    "racket": "rkt",
    "restructuredtext": "rst",
    "ruby": "rb rake gemspec podspec ru",
    "rust": "rs",
    "scala": "scala sbt sc",
    "scheme": "scm ss",
    "scss": "scss sass",
    "sql": "sql ddl dml pgsql",
    "swift": "swift",
    "tcl": "tcl",
    "terraform": "tf tfvars hcl",
    "tex": "tex sty cls latex",
    "text": "txt text log",
    "toml": "toml",
    "tsx": "tsx",
    "typescript": "ts mts cts",
    "vim": "vim vimrc",
    "xml": "xml xsd xsl xslt svg rss atom plist csproj vcxproj ui qrc xaml",
    "yaml": "yaml yml clang-format clang-tidy",
    "zig": "zig zon",
}
"""By the end of a file's name."""
NAMES = {
    "bash": ".bashrc .bash_profile .bash_aliases .bash_logout .profile .zshrc .zshenv .zprofile .kshrc .envrc .env "
    ".env.* pkgbuild apkbuild",
    "cmake": "cmakelists.txt",
    "docker": "dockerfile* containerfile* *.dockerfile",
    "gitignore": ".gitignore .dockerignore .npmignore .gitattributes codeowners .hgignore",
    "go": "go.mod go.work",
    "ini": ".gitconfig .gitmodules .npmrc .pylintrc .flake8 .coveragerc setup.cfg tox.ini .editorconfig",
    "json": ".babelrc .eslintrc .prettierrc composer.lock package-lock.json pipfile.lock",
    "jsonc": "tsconfig.json jsconfig.json tsconfig.*.json devcontainer.json",
    "make": "makefile makefile.* gnumakefile bsdmakefile justfile .justfile",
    "perl": "cpanfile",
    "python": "sconstruct sconscript wscript .pythonrc build.bazel workspace.bazel",
    "ruby": "gemfile rakefile podfile vagrantfile fastfile guardfile brewfile .irbrc",
    "text": "license licence copying notice authors requirements*.txt",
    "toml": "pipfile cargo.lock poetry.lock uv.lock pdm.lock",
    "vim": ".vimrc _vimrc .gvimrc .exrc",
    "yaml": ".clang-format .clang-tidy .clangd",
}
"""By the whole name of a file, in lower case."""
OTHER_NAMES = {
    "awk": "gawk mawk nawk",
    "bash": "sh zsh ksh dash ash shell shell-script bats busybox",
    "c": "cc",
    "clojure": "bb",
    "cpp": "c++",
    "csharp": "c# cs",
    "docker": "dockerfile",
    "elixir": "exs",
    "erlang": "escript",
    "go": "golang",
    "html": "htm vue svelte",
    "ini": "dosini conf cfg config properties",
    "javascript": "js node nodejs bun jsx javascriptreact ecmascript",
    "jsonc": "json5",
    "lisp": "sbcl emacs-lisp elisp emacs clisp",
    "make": "makefile gmake",
    "markdown": "md",
    "ocaml": "ocamlrun",
    "perl": "cperl",
    "powershell": "pwsh",
    "python": "py python2 python3 pypy pypy3 ipython uv",
    "r": "rscript littler",
    "restructuredtext": "rst",
    "ruby": "rb jruby",
    "rust": "rs rust-script",
    "scheme": "guile",
    "tcl": "tclsh wish expect",
    "terraform": "hcl",
    "tex": "latex plaintex",
    "text": "plaintext txt fundamental none",
    "tsx": "typescriptreact",
    "typescript": "ts deno ts-node",
    "yaml": "yml",
}
"""Interpreters, and what other editors call a language."""
LINE_COMMENTS = {
    "#": "awk bash cmake cython docker elixir fish gitignore graphql julia make nim nix perl powershell python r ruby "
    "tcl terraform toml yaml",
    "//": "c cpp csharp dart fsharp go groovy java javascript jsonc kotlin less objective-c pascal php protobuf rust "
    "scala scss swift tsx typescript zig",
    "--": "haskell lua sql",
    ";": "clojure ini lisp racket scheme",
    "%": "erlang matlab postscript tex bibtex",
    "!": "fortran",
    '"': "vim",
    "REM": "batch",
    "..": "restructuredtext",
}
BLOCK_COMMENTS = {
    "/* */": "c cpp csharp css dart go groovy java javascript jsonc kotlin less objective-c php protobuf rust scala "
    "scss sql swift terraform tsx typescript",
    "<!-- -->": "html markdown xml",
    "(* *)": "ocaml fsharp pascal",
    "{- -}": "haskell",
    "--[[ ]]": "lua",
    "<# #>": "powershell",
    "#= =#": "julia",
    "#| |#": "lisp racket scheme",
}


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: key for key, words in table.items() for word in words.split()}


_LANGUAGE_OF_EXTENSION = _by_word(EXTENSIONS)
_LANGUAGE_OF_NAME = _by_word(NAMES)
_LANGUAGE_OF_WORD = {**_by_word(OTHER_NAMES), **{name: name for name in EXTENSIONS}}
_NAME_GLOBS = [(glob, language) for glob, language in _LANGUAGE_OF_NAME.items() if "*" in glob]
_LINE_COMMENT_OF = _by_word(LINE_COMMENTS)
_BLOCK_COMMENT_OF = {
    language: (opener, closer)
    for signs, words in BLOCK_COMMENTS.items()
    for opener, closer in [signs.split()]
    for language in words.split()
}

_VIM_MODE = re.compile(r"(?:^|\s)(?:vim?|ex)\d*:.*?\b(?:ft|filetype|syntax)=([\w+#.-]+)")
_EMACS_VARIABLES = re.compile(r"-\*-(.+?)-\*-")
_EMACS_MODE = re.compile(r"(?:^|[\s;])mode:\s*([\w+#.-]+)|^\s*([\w+#.-]+)\s*$", re.IGNORECASE)
_VERSION = re.compile(r"-?[\d.]+$")


_STRING = re.compile(r"""(["'])(?:(?!\1)[^\\]|\\.)*\1""")


def _opens(line_ends: str, line_begins: str = "") -> str:
    """What a line that opens a block ends with, or begins with where it does not close it again."""
    at_end = rf"(?:{line_ends})$"
    return rf"{at_end}|^\s*(?:{line_begins})\b(?!.*\bend\b)" if line_begins else at_end


_TAG_OPENS = r"<(?!(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b)[A-Za-z](?:[^<>]*[^<>/])?>"
_OPENS = {
    "bash": _opens(r"\b(?:then|do|else|in)|[({]"),
    "cython": _opens(r"[:(\[{]"),
    "elixir": _opens(r"\b(?:do|else|after|rescue|catch)|->|[(\[{]"),
    "fish": _opens(r"[({]", "if|else|for|while|switch|case|function|begin"),
    "html": _opens(_TAG_OPENS),
    "julia": _opens(r"\bdo|[(\[{]", "function|if|elseif|else|for|while|let|struct|module|begin|try|catch|macro"),
    "lua": _opens(r"\b(?:then|do|else|repeat)|\bfunction\b.*\)|[({]"),
    "make": _opens(r"^[^\s#=:][^=:]*::?(?:[^=].*)?"),
    "nim": _opens(r"[:=(\[{]"),
    "python": _opens(r"[:(\[{]"),
    "ruby": _opens(
        r"\bdo(?:\s*\|[^|]*\|)?|[(\[{]",
        "class|module|def|if|elsif|else|unless|while|until|for|case|when|begin|rescue|ensure",
    ),
    "xml": _opens(_TAG_OPENS),
    "yaml": _opens(r":|[|>][+-]?"),
}
_OPENS_ELSEWHERE = _opens(r"[(\[{]")
_PROSE = frozenset({"text", "markdown", "restructuredtext", "csv", "diff", "gitignore"})


_COPY = re.compile(r"(?<=[^.])(?:\.(?:txt|bak|backup|orig|old|save|in|tmpl|template|sample|example|dist|disabled)|~)+$")
"""What the name of a copy or a template has behind that of the file itself."""


def detect(path: Path | None, text: str) -> str:
    """What a text is written in; "text" where nothing says."""
    name = path.name.lower() if path else ""
    return _by_name(name) or _by_shebang(text) or _by_mode_line(text) or _by_pygments(name) or "text"


def detect_original(path: Path | None, text: str) -> str:
    """The same, where a copy or a template (`x.py.txt`, `x.py.bak`, `x.py.in`) is written in what its original is.

    For those who write and colour; who judges a text takes a copy for no more than it says it is.
    """
    name = path.name.lower() if path else ""
    original = _COPY.sub("", name)
    return (_by_name(original) if original != name else None) or detect(path, text)


def canonical(name: str) -> str:
    """A language's name here, from one that people or other editors write."""
    name = name.strip().lower()
    return _LANGUAGE_OF_WORD.get(name, name)


def comment_of(language: str) -> Comment:
    """How a language writes comments."""
    block = _BLOCK_COMMENT_OF.get(language)
    return Comment(_LINE_COMMENT_OF.get(language), block)


def indents_after(language: str, line: str) -> bool:
    """Does the line after this one go one level deeper?"""
    if language in _PROSE:
        return False
    code = _STRING.sub("", line)
    if sign := _LINE_COMMENT_OF.get(language):
        code = re.sub(rf"(?:^|\s){re.escape(sign)}.*", "", code)
    return re.search(_OPENS.get(language, _OPENS_ELSEWHERE), code.rstrip()) is not None


def indent_of(text: str, language: str = "text") -> str | None:
    """One level of a text's indentation: a tab, or 2, 4 or 8 spaces; None where its lines do not tell.

    Go and Makefiles are indented with tabs unless their lines say otherwise.
    """
    votes = Counter[str]()
    depth = 0
    for line in text[:SAMPLE_CHARS].split("\n"):
        if not line.strip():
            continue
        margin = _margin(line)
        if margin.startswith("\t"):
            votes["\t"] += 1
        elif len(margin) - depth in (2, 4, 8):
            votes[" " * (len(margin) - depth)] += 1
        depth = len(margin)
    if votes:
        return votes.most_common(1)[0][0]
    return "\t" if language in ("go", "make") else None


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _by_name(name: str) -> str | None:
    """By the whole name in lower case, then by what follows its dots, the longest first."""
    if name in _LANGUAGE_OF_NAME:
        return _LANGUAGE_OF_NAME[name]
    for glob, language in _NAME_GLOBS:
        if fnmatchcase(name, glob):
            return language
    endings = name.split(".")[1:]
    found = (_LANGUAGE_OF_EXTENSION.get(".".join(endings[start:])) for start in range(len(endings)))
    return next((language for language in found if language), None)


def _by_shebang(text: str) -> str | None:
    first = text[:300].split("\n", 1)[0].removeprefix("\ufeff")
    if not first.startswith("#!"):
        return None
    words = first[2:].split()
    if words and PurePath(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    program = PurePath(words[0]).name.lower() if words else ""
    return _LANGUAGE_OF_WORD.get(program) or _LANGUAGE_OF_WORD.get(_VERSION.sub("", program))


def _by_mode_line(text: str) -> str | None:
    head, tail = text[:2_000].split("\n")[:MODE_LINES], text[-2_000:].split("\n")[-MODE_LINES - 1 :]
    for line in head + tail:
        if vim := _VIM_MODE.search(line):
            return canonical(vim[1])
        variables = _EMACS_VARIABLES.search(line)
        if variables and (mode := _EMACS_MODE.search(variables[1])):
            return canonical(mode[1] or mode[2])
    return None


def _by_pygments(name: str) -> str | None:
    if "." not in name:
        return None
    from pygments.lexers import get_all_lexers  # type: ignore[import-untyped]

    for _, aliases, globs, _ in get_all_lexers(plugins=False):
        if aliases and any(fnmatchcase(name, glob.lower()) for glob in globs):
            return canonical(aliases[0])
    return None
