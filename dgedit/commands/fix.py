"""`dgedit fix`: its command line."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ..engine.catalog import DEFAULT_MODEL
from .arguments import CommandParser, add_engine

EPILOG = """\
what is mended: places where a text does not parse: a bracket, colon, quote or indentation that was lost, a line that
was cut off. Small changes are tried around each fault, and where none helps, or a line looks cut, what the model
writes there; the parser is the judge, the model says which is likeliest. Nothing outside of the changed lines is
touched. A text that parses is left alone, and one that cannot be mended wholly (up to 8 faults) comes out as it
went in.

languages: {languages}
  A text is called broken by those who know alone: Python by its own parser and by ruff's, which knows newer
  versions; JSON, TOML and YAML by parsers; others by the language's own program where it is installed (bash, node,
  gofmt, rustc, javac, ruby; it only parses), or by a bracket, string or comment that is left open. What only
  tree-sitter does not understand is left alone with exit code 2; --trust-grammar takes its word. Python 2 and
  Python newer than the one that runs dgedit are named and left alone. The bundled model knows Python.

--conflicts resolves the blocks that a merge leaves (<<<<<<< ======= >>>>>>>) with one side, the other, or the lines of
both, the likeliest with which the text parses. Read what it did. Without it a text with such blocks is left alone.

exit codes:
  0    everything parses, or does now
  1    something does not parse: --check found it, or it could not be mended and is as it was
  2    error, or it cannot be judged: the text is unchanged, or the file untouched
  130  cancelled by Ctrl+C or SIGTERM: the text is unchanged, or the file untouched

examples:
  dgedit fix broken.py > mended.py
  dgedit fix --diff src/*.py | patch -p0
  dgedit fix --in-place --timeout 60 a.py b.py
  dgedit fix --check $(git ls-files '*.py')
  :%!dgedit fix -q - 2>/dev/null            in vim
"""


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    from ..judges.judge import languages

    made = CommandParser(
        prog="dgedit fix",
        usage="dgedit fix [options] FILE... | -",
        description="Mend texts that do not parse; the whole text goes to standard output.",
        epilog=EPILOG.replace("{languages}", ", ".join(languages())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("sources", metavar="FILE", nargs="+", help="a file, or - for standard input")
    what = made.add_argument_group("what is done").add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="mend nothing, load nothing: say what does not parse, exit with 1"
    )
    what.add_argument(
        "--diff", action="store_true", help="print a unified diff instead of the text; patch -p0 applies it"
    )
    what.add_argument("--in-place", action="store_true", help="write the files, each in one step, and only if mended")
    made.add_argument("--conflicts", action="store_true", help="resolve the conflict blocks of a merge, too")
    made.add_argument(
        "--trust-grammar", action="store_true", help="take tree-sitter's word where nobody else can judge a text"
    )
    made.add_argument("--stdin-filename", type=Path, metavar="FILE", help="what standard input is called")
    made.add_argument("--language", help="what the text is written in (default: as its name or first line says)")
    made.add_argument("-q", "--quiet", action="store_true", help="say nothing but what went wrong")
    add_engine(made, model=DEFAULT_MODEL, seed=0, steps=0)
    made.add_argument("--timeout", type=_seconds, default=math.inf, metavar="S", help="seconds for everything")
    return made


def run(options: argparse.Namespace) -> int:
    """Mend; returns the exit code."""
    _refuse_misfits(options)
    from ..batch.fill import Mode
    from ..batch.fix import FixOptions
    from ..batch.fix import run as fix
    from ..fix.repair import RepairOptions

    chosen = {Mode.CHECK: options.check, Mode.DIFF: options.diff, Mode.IN_PLACE: options.in_place}
    return fix(
        FixOptions(
            sources=tuple(options.sources),
            mode=next((mode for mode, is_chosen in chosen.items() if is_chosen), Mode.FILTER),
            stdin_name=options.stdin_filename,
            language=options.language,
            model=options.model,
            repair=RepairOptions(seed=options.seed, passes=options.steps),
            conflicts=options.conflicts,
            trust_grammar=options.trust_grammar,
            timeout_s=options.timeout,
            quiet=options.quiet,
        )
    )


def _refuse_misfits(options: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is read."""
    if len(options.sources) > 1 and not (options.check or options.diff or options.in_place):
        parser().error("several files need --in-place, --diff or --check")
    if options.sources.count("-") > 1:
        parser().error("standard input can be read once")
    if options.in_place and "-" in options.sources:
        parser().error("--in-place needs files; standard input has none")


def _seconds(value: str) -> float:
    found = float(value)
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {value}")
    return found
