"""Style sheets of today that a grammar does not read, and faults in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgedit.judges import style
from dgedit.judges.judge import judge

READ = [
    "a { color: red; & b { c: d } &:hover { e: f } }\n",
    "@theme default inline reference {\n  --blur: 8px;\n}\n",
    'a { content: url(\'data:image/svg+xml,<svg width="1" \\\n height="2">\') }\n',
    "a { display: inline ! important; *zoom: 1; width: 1px\\9 }\n",
    "a { filter: progid:DXImageTransform.Microsoft.gradient(startColorstr='#1', endColorstr='#2') }\n",
    "@media (width >= 400px) { @layer x { a { --y: { a: b }; width: if(style(--x: 1): 1px; else: 2px) } } }\n",
    "@import url(a.css) layer(b) supports(display: grid);\n",
    "",
]
NOT_READ = [
    "a { color red }\n",
    "a { color: red\n  margin: 0 }\n",
    "a { color: red; } b\n",
    "a { b: url(x y) }\n",
    "a { ; : }\n",
    "a { b: 'c\n }\n",
]


@pytest.mark.parametrize("text", READ)
def test_what_css_syntax_allows_is_read(text: str) -> None:
    assert style.read(text)


@pytest.mark.parametrize("text", NOT_READ)
def test_what_a_browser_would_skip_is_not_read(text: str) -> None:
    assert not style.read(text)


@pytest.mark.parametrize("text", ["a { b: c\n", "a { b: (c }\n", "/* a\nb { c: d }\n", "a { b: c } }\n"])
def test_what_is_left_open_is_broken_although_a_browser_would_close_it(text: str) -> None:
    assert judge(text, "css", Path("a.css")).is_broken


def test_rules_without_end_are_looked_at_so_deep_and_no_deeper() -> None:
    assert not style.read("a{" * 200 + "}" * 200)
