"""A packed corpus as one file, to train on another machine: vocabulary, manifest and tokens of both splits.

The text itself stays behind; the tokens compress to less than a third. It must know nothing of networks.
"""

from __future__ import annotations

import shutil
import tarfile
from lzma import LZMAError
from pathlib import Path

MEMBERS = (
    "tokenizer.json",
    "manifest.json",
    "train/tokens.bin",
    "train/starts.npy",
    "heldout/tokens.bin",
    "heldout/starts.npy",
)


def write(folder: Path, file: Path) -> int:
    """Pack the corpus in `folder` (as `prepare` left it) into `file`, a tar.xz; returns its bytes.

    Raises:
        FileNotFoundError: when a part of the corpus is missing.
    """
    part = file.with_name(file.name + ".part")
    try:
        with tarfile.open(part, "w:xz", dereference=True) as tar:
            for member in MEMBERS:
                tar.add(folder / member, member)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def read(file: Path, folder: Path) -> None:
    """Unpack `file` into `folder`; parts that are there already are left as they are.

    Raises:
        ValueError: when the file is not such a bundle.
    """
    try:
        with tarfile.open(file, "r:xz") as tar:
            missing = set(MEMBERS) - set(tar.getnames())
            if missing:
                raise ValueError(f"{file} is not a bundle of a corpus: it has no {', '.join(sorted(missing))}")
            for member in MEMBERS:
                content = None if (folder / member).exists() else tar.extractfile(member)
                if content is not None:
                    part = folder / f"{member}.part"
                    part.parent.mkdir(parents=True, exist_ok=True)
                    with content, part.open("wb") as out:
                        shutil.copyfileobj(content, out)
                    part.replace(folder / member)
    except (tarfile.TarError, EOFError, LZMAError) as error:
        raise ValueError(f"{file} is not readable as a bundle: {error}") from error
