"""What jedi knows of the standard library: names that an owner has not, names that may stand in a hole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dgedit.engine.guard import Guard
from dgedit.engine.guard.members import imports_of, reads

PATH = "from pathlib import Path\n\n\ndef read(name):\n    path = Path(name)\n    |\n    return text\n"


def guard(code: str) -> Guard:
    prefix, suffix = code.split("|")
    return Guard(prefix, suffix, "python")


def unknown(code: str, answer: str) -> frozenset[str]:
    return guard(code).verdict(answer, 0).unknown


@pytest.mark.parametrize(
    ("code", "answer", "found"),
    [
        (PATH, "text = path.read_lines()", {"path.read_lines"}),
        (PATH, "text = path.read_text().splitline()", {"path.read_text().splitline"}),
        (PATH, "text = path.parent.nmae", {"path.parent.nmae"}),
        (PATH, "lines = path.read_text().splitlines()\n    text = path.steem", {"path.steem"}),
        ("def f(text: str):\n    return text.|\n", "stripp()", {"text.stripp"}),
        ("def f(text: str):\n    return text.str|\n", "ipp()", {"text.stripp"}),
        ("def f(text: str):\n    return [text.|() for _ in range(3)]\n", "uper", {"text.uper"}),
        ("import re\n\nprint(re.|('a', 'b'))\n", "findal", {"re.findal"}),
        ("rows = {}\nfor name in rows.|:\n    print(name)\n", "itms()", {"rows.itms"}),
        ("import os\n\nif os.path.|('a'):\n    print(1)\n", "exsts", {"os.path.exsts"}),
        ("import datetime\n\nnow = datetime.datetime.|()\n", "noww", {"datetime.datetime.noww"}),
    ],
)
def test_what_an_owner_of_the_library_has_not_is_told(code: str, answer: str, found: set[str]) -> None:
    assert unknown(code, answer) == found


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (PATH, "text = path.read_text()"),
        (PATH, "text = path.open().readlines()"),
        (PATH, "text = path.__fspath__()"),
        # Nobody says what these are.
        (PATH, "text = name.foo()"),
        (PATH, "text = print.foo()"),
        (PATH, "text = path.parents[0].foo"),
        # The name means something else in the answer.
        (PATH, "text = [path.foo for path in name]"),
        (PATH, "path = name; text = path.foo"),
        (PATH, "text = max(name, key=lambda path: path.foo)"),
        # What stands in the text already is supported by it.
        (PATH, "text = path.text"),
        # What may be nothing, or one of several things.
        ("import re\n\nfound = re.match('a', 'b')\nprint(found.|)\n", "foo"),
        ("def f(flag, x=None):\n    return x.|\n", "foo"),
        ("def f(x=()):\n    return x.|\n\n\nf({})\n", "kys()"),
        # Classes of the file and what is not of the library.
        ("class A:\n    pass\n\n\na = A()\nprint(a.|)\n", "foo"),
        ("import numpy as np\n\nx = np.|((3, 4))\n", "zeroes"),
        ("import requests\n\nx = requests.|('a')\n", "gett"),
        # Not read, but named.
        ("|\n", "from .other import thing"),
        ("|\n", "import os.foo"),
        ("x = '|'\n", "os.foo"),
        ("import os\n# |\n", "os.foo"),
        ("import os\n\nx = os.|\n", "path  # os.foo"),
    ],
)
def test_whatever_is_not_known_for_sure_is_not_told(code: str, answer: str) -> None:
    assert unknown(code, answer) == set()


@pytest.mark.parametrize(
    ("code", "name", "count"),
    [
        ("import collections\n\ncounts = collections.Cou|()\n", "nter", 1),
        ("import json\n\n\ndef f(a, b):\n    json.dump(a, b, |=2)\n", "indent", 9),
        ("import json\n\n\ndef f(a, b):\n    json.dump(a, b, ind|=2)\n", "ent", 1),
        ("from pathlib import |\n\nprint(Path())\n", "Path", None),
        ("from collections import Ord|\n", "eredDict", 1),
        ("import dateti|\n", "me", 1),
        ("def f(text: str):\n    return text.starts|\n", "with", 1),
    ],
)
def test_names_that_may_stand_there_are_proposed(code: str, name: str, count: int | None) -> None:
    names = guard(code).names()
    assert name in names
    assert count is None or len(names) == count
    assert not any(each.startswith("_") for each in names)


@pytest.mark.parametrize(
    "code",
    [
        "x = foo|\n",
        "x = 1\nprint(|)\n",
        "# os.|\n",
        "x = 'os.|'\n",
        "import os\nx = os.|ath\n",
        "import nothere\nnothere.|\n",
    ],
)
def test_nothing_is_proposed_where_any_name_may_stand_or_none_is_known(code: str) -> None:
    members = guard(code)._members
    assert members is None or members.proposed() == []


def test_a_file_of_the_project_is_neither_read_nor_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('run')\n\ndef known(): ...\n")
    (tmp_path / "json.py").write_text("raise SystemExit('run')\n\ndef own(): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert unknown("import evil\n\nx = evil.|\n", "foo") == set()
    assert unknown("import json\n\nx = json.|\n", "own") == {"json.own"}
    assert "evil" not in sys.modules


FOUND = "from dgedit.engine.guard import Guard; print(Guard('import json\\nx = json.du', '\\n', 'python').names())"


@pytest.mark.parametrize("has_temporary", [True, False])
def test_without_a_folder_to_keep_things_in_it_still_answers(tmp_path: Path, has_temporary: bool) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    nowhere = str(tmp_path / "file" / "x")
    env = os.environ | {"XDG_CACHE_HOME": nowhere, "TMPDIR": str(tmp_path / "temporary")}
    command = [sys.executable, "-c", FOUND]
    if not has_temporary:
        command[-1] = f"import tempfile; tempfile.mkdtemp = lambda **_: open({nowhere!r}); {FOUND}"
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert ("'mps'" in done.stdout) == has_temporary
    assert not done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []


def test_of_a_long_file_the_part_around_the_hole_and_its_imports_are_read() -> None:
    more = "".join(f"def f{number}(value):\n    return value + {number}\n\n\n" for number in range(200))
    code = f"import collections\n\n\n{more}def last():\n    x = collections.|()\n    return x\n\n\n{more}"
    assert unknown(code, "Cuonter") == {"collections.Cuonter"}
    assert "Counter" in guard(code).names()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("x = a.b.c(d.e).f", [("a", "b"), ("a.b", "c"), ("a.b.c(d.e)", "f"), ("d", "e")]),
        ("    'x'.join(y)", [("'x'", "join")]),
        ("if a.b and not c.d(", [("a", "b"), ("c", "d")]),
        ("x = a[0].b", []),
        ("from .a import b", []),
        ("x = 1.5 + a .b", [("a", "b")]),
        ("", []),
    ],
)
def test_owners_of_a_line(line: str, found: list[tuple[str, str]]) -> None:
    seen = [(each.owner, each.name) for each in reads(line)]
    assert sorted(seen) == sorted(found)
    assert all(line[: each.end].endswith(each.name) for each in reads(line))


def test_imports_of_a_module_stand_at_the_margin() -> None:
    assert imports_of("import a\nif x:\n    from b import (c,\n        d)\n") == "import a\nfrom b import c, d\n"
    assert imports_of("import (\n") == ""
