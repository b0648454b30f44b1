"""`dgedit fill`: its command line."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from .. import terminal
from ..engine.catalog import DEFAULT_MODEL
from ..errors import ExitCode
from ..text.skim import is_plainly_empty
from .arguments import CommandParser, add_engine, number

EPILOG = """\
holes, all of them filled in order, each seeing the answers before it:
  <FILL_ME>                                anywhere, also in the middle of a line
  # dgedit: fill [lines=N] [tokens=N] [instruction]
                                           a line; its indentation stays
  # dgedit: begin [lines=N] [tokens=N] [strength=P] [instruction]
  ...                                      what stands between is rewritten, the two comments are taken away
  # dgedit: end
  --lines, --span, --hole                  what you name; they may be repeated
The comment sign is that of the language (#, //, --, ;, %, /* */, <!-- -->, ...). lines and tokens are the most that may
be written there. An instruction is for models that can follow one; the bundled ones cannot, and say so.

what comes out: the text on standard output, messages on standard error. With nothing to fill the text comes out as it
went in. Whatever fails, it does too, and the exit code is not 0. A hole that is not done in time, that the model has
nothing for, or whose every answer would break a file that can be read otherwise, stays as it is; the others are filled,
and the exit code is 1.

exit codes:
  0    done, or nothing to do
  1    --check found something to fill; or a hole stays as it was
  2    error: the text is unchanged, or the file untouched
  130  cancelled by Ctrl+C or SIGTERM: the text is unchanged, or the file untouched

--json writes one object a line, each with "version": 1 and a "type":
  frame    file hole start end pass passes spans [{text state confidence}] elapsed_ms ...     a pass over a hole
  result   file hole start end ending text candidates [{text score parses breaks confidence origins}] ...
  error    file message hint
  summary  files model seed elapsed_ms exit                                                   always last
  start and end are {offset line column} of the input: offset in characters from 0, line and column from 1; text is
  what replaces the characters from start to end, null where they stay. With --check: hole, error and summary.
  All of it: python -c "import dgedit.fill.records as r; help(r)"

examples:
  dgedit fill script.py > filled.py
  dgedit fill --diff src/*.py | patch -p0
  dgedit fill --in-place --timeout 60 a.py b.py
  dgedit fill --check $(git ls-files '*.py')
  dgedit fill - --stdin-filename a.py --lines 12-14 --strength 0.5 < a.py
  :%!dgedit fill -q - 2>/dev/null            in vim, which would put messages into the text
"""


def parser() -> argparse.ArgumentParser:
    """What it understands."""
    made = CommandParser(
        prog="dgedit fill",
        usage="dgedit fill [options] FILE... | -",
        description="Fill holes in a text; the whole text goes to standard output.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("sources", metavar="FILE", nargs="+", help="a file, or - for standard input")
    _add_output(made)
    _add_holes(made)
    add_engine(made, model=DEFAULT_MODEL, seed=0, steps=0)
    made.add_argument(
        "--lengths", type=_lengths, default=(), metavar="N[,N]", help="answer lengths in tokens to try, and no others"
    )
    made.add_argument(
        "--warm", action="store_true", help="start `dgedit serve` if it does not run; later calls use it by themselves"
    )
    made.add_argument(
        "--force", action="store_true", help="take the best answer even where the file does not parse with it"
    )
    made.add_argument(
        "--min-confidence",
        type=_probability,
        default=0.0,
        metavar="P",
        help="leave holes whose answer is less likely right than P, 0 to 1 (default: 0)",
    )
    made.add_argument(
        "--any-language",
        action="store_true",
        help="let the model write languages that it was not trained on, not only recall pieces of the files",
    )
    made.add_argument("--timeout", type=_seconds, default=math.inf, metavar="S", help="seconds for everything")
    made.add_argument("--hole-timeout", type=_seconds, default=math.inf, metavar="S", help="seconds for each hole")
    return made


def _add_output(made: argparse.ArgumentParser) -> None:
    what = made.add_argument_group("what is done").add_mutually_exclusive_group()
    what.add_argument(
        "--check", action="store_true", help="fill nothing, load nothing: say where holes are, exit with 1"
    )
    what.add_argument(
        "--diff", action="store_true", help="print a unified diff instead of the text; patch -p0 applies it"
    )
    what.add_argument("--in-place", action="store_true", help="write the files, each in one step, and only if changed")
    made.add_argument("--json", action="store_true", help="print records of every pass and result instead of the text")
    made.add_argument("--stdin-filename", type=Path, metavar="FILE", help="what standard input is called")
    made.add_argument("-q", "--quiet", action="store_true", help="say nothing but what went wrong")


def _add_holes(made: argparse.ArgumentParser) -> None:
    holes = made.add_argument_group("holes beside the markers")
    holes.add_argument("--lines", action="append", default=[], metavar="A-B", help="rewrite these lines")
    holes.add_argument(
        "--span",
        action="append",
        default=[],
        metavar="L:C-L:C",
        help="rewrite from a line and column up to before another; all counted from 1",
    )
    holes.add_argument(
        "--hole", action="append", default=[], metavar="REGEX", help="every match, or its first group, is a hole"
    )
    holes.add_argument("--marker-only", action="store_true", help="ignore --lines, --span and --hole; for hooks")
    holes.add_argument(
        "--strength",
        type=_share,
        default=1.0,
        metavar="P",
        help="how much of the code in --lines, --span and blocks is written anew, above 0 to 1 (default: 1)",
    )
    holes.add_argument(
        "--language", help="what the text is written in (default: as its name or first line says; or Python)"
    )


def run(options: argparse.Namespace) -> int:
    """Fill; returns the exit code."""
    _refuse_misfits(options)
    sources = tuple(_looked_at(options))
    if not sources:
        if not options.quiet:
            terminal.say("nothing to fill")
        return ExitCode.OK
    from ..batch.fill import Mode, PipeOptions
    from ..batch.fill import run as fill
    from ..fill.loop import FillOptions, Limits
    from ..text.holes import Wanted

    chosen = {Mode.CHECK: options.check, Mode.DIFF: options.diff, Mode.IN_PLACE: options.in_place}
    named = Wanted(
        lines=tuple(options.lines), spans=tuple(options.span), patterns=tuple(options.hole), strength=options.strength
    )
    return fill(
        PipeOptions(
            sources=sources,
            passed=len(options.sources) - len(sources),
            mode=next((mode for mode, is_chosen in chosen.items() if is_chosen), Mode.FILTER),
            records=options.json,
            stdin_name=options.stdin_filename,
            wanted=Wanted() if options.marker_only else named,
            language=options.language,
            model=options.model,
            engine=options.engine,
            fill=FillOptions(
                seed=options.seed,
                passes=options.steps,
                force=options.force,
                min_confidence=options.min_confidence,
                any_language=options.any_language,
            ),
            limits=Limits(total_s=options.timeout, hole_s=options.hole_timeout, lengths=options.lengths),
            quiet=options.quiet,
            warm=options.warm,
        )
    )


def _looked_at(options: argparse.Namespace) -> list[str]:
    """The sources without those in which a check surely finds nothing; all of them where more is asked than that."""
    named = (options.lines or options.span or options.hole) and not options.marker_only
    if not options.check or options.json or named:
        return list(options.sources)
    return [name for name in options.sources if name == "-" or not is_plainly_empty(name)]


def _refuse_misfits(options: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is read."""
    sources = options.sources
    if len(sources) > 1 and not (options.check or options.diff or options.in_place or options.json):
        parser().error("several files need --in-place, --diff, --check or --json")
    if sources.count("-") > 1:
        parser().error("standard input can be read once")
    if options.in_place and "-" in sources:
        parser().error("--in-place needs files; standard input has none")
    if len(sources) > 1 and (options.lines or options.span) and not options.marker_only:
        parser().error("--lines and --span are of one file")


def _lengths(value: str) -> tuple[int, ...]:
    parse = number(1)
    return tuple(parse(part) for part in value.split(","))


def _seconds(value: str) -> float:
    found = float(value)
    if not 0 <= found < math.inf:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {value}")
    return found


def _probability(value: str) -> float:
    found = float(value)
    if not 0 <= found <= 1:
        raise argparse.ArgumentTypeError(f"must be 0 to 1, got {value}")
    return found


def _share(value: str) -> float:
    found = float(value)
    if not 0 < found <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, got {value}")
    return found
