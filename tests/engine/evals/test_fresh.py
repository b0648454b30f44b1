"""The spans of fresh packages: what ships is what its manifest says, and a draw repeats to the byte."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import tree_sitter_python
from tree_sitter import Language, Parser

from dgedit.engine.evals import fresh
from dgedit.engine.evals.fresh import FreshError, FreshPackage
from dgedit.engine.evals.spans import SpanKind
from dgedit.engine.train.corpus import HELD_OUT_PACKAGES, is_permissive

SOURCE = "".join(f"def step_{n}(first, second):\n    return first * {n} + second\n\n\n" for n in range(12))


def test_the_manifest_names_enough_permissive_packages_that_are_young() -> None:
    named = fresh.packages()
    assert len(named) >= 25
    assert len({package.name for package in named}) == len(named)
    assert not {package.name for package in named} & HELD_OUT_PACKAGES
    for package in named:
        assert is_permissive(package.licence)
        assert package.first_month >= "2026-03"


@pytest.mark.parametrize("kind", list(SpanKind))
def test_every_kind_of_fresh_span_is_what_it_says(kind: SpanKind) -> None:
    loaded = fresh.load(kind=kind)
    names = [package.name for package in fresh.packages()]
    assert len(loaded) > 500
    assert [span.package for span in fresh.load(limit=len(names), kind=kind)] == names, "the packages take turns"
    for span in loaded:
        assert span.answer.strip()
        assert ("\n" in span.answer) is (kind is SpanKind.LINES)
        assert span.text not in span.related
        if kind in (SpanKind.LINE, SpanKind.LINES):
            assert span.answer.strip() == span.answer
            assert not span.prefix.rsplit("\n", 1)[-1].strip(), "it begins with its line"
        if kind is not SpanKind.EXPRESSION:
            assert not span.suffix.split("\n", 1)[0].strip(), "it ends with its line"


def test_the_shipped_files_are_python_and_carry_their_licences() -> None:
    parser = Parser(Language(tree_sitter_python.language()))
    for span in fresh.load(limit=320):
        assert not parser.parse(span.text.encode()).root_node.has_error, span.package
    assert b"Permission is hereby granted" in gzip.decompress(fresh.SPANS_FILE.read_bytes())
    assert fresh.SPANS_FILE.stat().st_size < 2_000_000


def wheel(folder: Path, licence: str = "License-Expression: MIT", count: int = 4) -> FreshPackage:
    """A small wheel and what a manifest would say of it."""
    path = folder / "young-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(count):
            archive.writestr(f"young/part_{n}.py", SOURCE.replace("step", f"step_{n}").replace("first", f"given_{n}"))
        archive.writestr("young/again.py", SOURCE.replace("step", "step_0").replace("first", "given_0"))
        archive.writestr("young-1.0.dist-info/METADATA", f"Name: young\nVersion: 1.0\n{licence}\n")
        archive.writestr("young-1.0.dist-info/licenses/LICENSE", "Permission is granted")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return FreshPackage(
        name="young", version="1.0", licence="MIT", first_month="2026-05", wheel=path.name, sha256=sha256
    )


def test_a_draw_repeats_and_drops_near_duplicates(tmp_path: Path) -> None:
    package = wheel(tmp_path)
    for out in ("one.gz", "two.gz"):
        fresh.draw([package], tmp_path, tmp_path / out)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
    lines = fresh.load(path=tmp_path / "one.gz")
    assert len(lines) == 4 * fresh.LINES_PER_FILE
    assert {len(span.related) for span in lines} == {3}


def test_a_wheel_that_is_not_as_named_is_refused(tmp_path: Path) -> None:
    package = wheel(tmp_path)
    with pytest.raises(FreshError, match=r"pip download --no-deps .*young==1\.0"):
        fresh.draw([replace(package, wheel="gone.whl")], tmp_path, tmp_path / "out.gz")
    with pytest.raises(FreshError, match="another file"):
        fresh.draw([replace(package, sha256="0" * 64)], tmp_path, tmp_path / "out.gz")
    copyleft = wheel(tmp_path, licence="Classifier: License :: OSI Approved :: GNU General Public License v3")
    with pytest.raises(FreshError, match="no permissive licence"):
        fresh.draw([copyleft], tmp_path, tmp_path / "out.gz")
    assert not (tmp_path / "out.gz").exists()
