"""Names behind a dot: told where nothing can have them, and nowhere else."""

from __future__ import annotations

import pytest

from dgedit.engine.guard.judge import Guard

CLASS = "import math\nimport os, json as j\n\n\nclass Box:\n"
CLASS += "    def __init__(self):\n        self.size = 1\n\n    def f(self):\n        "
UNKNOWN = [
    (CLASS, "return self.sise", "\n", {"self.sise"}),
    (CLASS, "return math.sqroot(2) + self.size", "\n", {"math.sqroot"}),
    (CLASS + "x = self.", "lenght + 1", "\n", {"self.lenght"}),
    (CLASS, "return j.laods('')", "\n", {"j.laods"}),
    (CLASS.replace("Box:", "Box(object):"), "return self.weight", "\n", {"self.weight"}),
    ("@dataclass\nclass A:\n    x: int\n\n    def f(self):\n        ", "return self.y", "\n", {"self.y"}),
    ("class A:\n    a = 1\n\n\nclass B(A):\n    def f(self):\n        ", "return self.b + self.a", "\n", {"self.b"}),
]
KNOWN = [
    (CLASS, "return self.size", "\n"),
    (CLASS, "self.weight = 2", "\n"),
    (CLASS, "self.weight: int = 2\n        return self.weight", "\n"),
    (CLASS, "return self.area()", "\n\n    def area(self):\n        return 1\n"),
    (CLASS, "return math.sqrt(os.getpid())", "\n"),
    (CLASS, 'return "self.no"  # math.no', "\n"),
    (CLASS, "return self.size.no", "\n"),
    (CLASS, "return self.__class__", "\n"),
    (CLASS.replace("Box:", "Box(Base):"), "return self.weight", "\n"),
    (CLASS.replace("Box:", "Box(metaclass=Kind):"), "return self.weight", "\n"),
    (CLASS.replace("class Box", "@made\nclass Box"), "return self.weight", "\n"),
    (CLASS, "return self.weight", "\n\n    def __getattr__(self, key):\n        return key\n"),
    ("import yaml_of_ours as y\nx = ", "y.anything", "\n"),
    ("import json\njson = other()\nx = ", "json.anything", "\n"),
    ("try:\n    import simplejson as json\nexcept ImportError:\n    import json\nx = ", "json.anything", "\n"),
    ("def f(self):\n    ", "return self.anything", "\n"),
]


def unknown(prefix: str, answer: str, suffix: str) -> frozenset[str]:
    guard = Guard(prefix, suffix, "python")
    verdict = guard.verdict(answer, guard.least_faults([answer]))
    return frozenset(name for name in verdict.unknown if "." in name)


@pytest.mark.parametrize(("prefix", "answer", "suffix", "names"), UNKNOWN)
def test_a_name_that_its_owner_cannot_have_is_told(prefix: str, answer: str, suffix: str, names: set[str]) -> None:
    assert unknown(prefix, answer, suffix) == names


@pytest.mark.parametrize(("prefix", "answer", "suffix"), KNOWN)
def test_a_name_that_something_may_have_is_not_told(prefix: str, answer: str, suffix: str) -> None:
    assert unknown(prefix, answer, suffix) == frozenset()
