"""Ways to damage a checkpoint: fields of its settings, bytes of its files, the kinds of its files."""

from __future__ import annotations

import copy
import json
import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    10**12,
    10**400,
    0.5,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "8192",
    "\x1b[31mred\nline",
    "x" * 10_000,
    [],
    [1],
    [[1]],
    [None] * 6,
    ["sliding_attention"] * 100_000,
    {},
    {"a": 1},
    {"full_attention": []},
]
"""What a field may hold instead of what it should."""
TEXTS = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"\xff\xfe{\x00}\x00",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"num_hidden_layers": ' + b"9" * 5000 + b"}",
    b'{"text_config": NaN}',
    b"\0" * 4096,
]
"""What a file of settings may hold."""

Damage = Callable[[Path], None]


def fields_of(values: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every field of a table."""
    if isinstance(values, dict):
        for name, value in values.items():
            yield (*way, name)
            yield from fields_of(value, (*way, name))


def with_field(values: Any, way: tuple[Any, ...], value: Any, *, taken: bool) -> Any:
    """A copy with another value at a place, or with none."""
    made = copy.deepcopy(values)
    table = made
    for name in way[:-1]:
        table = table[name]
    if taken:
        del table[way[-1]]
    else:
        table[way[-1]] = value
    return made


def settings_damages(folder: Path, name: str, skipped: tuple[str, ...] = ()) -> Iterator[tuple[str, Damage]]:
    """Every field of a file of settings, taken away and with every hostile value; then the file itself."""

    def with_value(way: tuple[Any, ...], value: Any, *, taken: bool) -> Damage:
        def change(raw: bytes, _draw: random.Random) -> bytes:
            return json.dumps(with_field(json.loads(raw), way, value, taken=taken)).encode()

        return _changes(name, change, 0)

    for way in fields_of(json.loads((folder / name).read_text())):
        if way[0] in skipped:
            continue
        yield f"{name}: {'.'.join(map(str, way))} taken away", with_value(way, None, taken=True)
        for value in HOSTILE:
            yield f"{name}: {'.'.join(map(str, way))} {repr(value)[:20]}", with_value(way, value, taken=False)
    for raw in TEXTS:
        yield f"{name}: {raw[:12]!r}", _writes(name, raw)


def file_damages(name: str) -> Iterator[tuple[str, Damage]]:
    """A file that is missing, a folder, a pipe, a link to nothing or to itself."""

    def gone(folder: Path) -> None:
        (folder / name).unlink()

    def is_folder(folder: Path) -> None:
        gone(folder)
        (folder / name).mkdir()

    def is_pipe(folder: Path) -> None:
        gone(folder)
        os.mkfifo(folder / name)

    def leads_nowhere(folder: Path) -> None:
        gone(folder)
        (folder / name).symlink_to("nowhere")

    def leads_to_itself(folder: Path) -> None:
        gone(folder)
        (folder / name).symlink_to(name)

    for damage in (gone, is_folder, is_pipe, leads_nowhere, leads_to_itself):
        yield f"{name}: {damage.__name__}", damage


def byte_damages(name: str, draw: random.Random, count: int) -> Iterator[tuple[str, Damage]]:
    """A file cut, or with some bytes of its beginning changed."""

    def cut(raw: bytes, draw: random.Random) -> bytes:
        return raw[: draw.randrange(min(len(raw), 100_000))]

    def changed(raw: bytes, draw: random.Random) -> bytes:
        made = bytearray(raw)
        for _ in range(draw.randrange(1, 6)):
            made[draw.randrange(min(len(raw), 4_000))] = draw.randrange(256)
        return bytes(made)

    for number in range(count):
        what = cut if number % 2 else changed
        yield f"{name}: {what.__name__} {number}", _changes(name, what, draw.randrange(2**32))


def header_damages(name: str, draw: random.Random, count: int) -> Iterator[tuple[str, Damage]]:
    """A safetensors file whose header says something else of a tensor."""

    def lies(raw: bytes, draw: random.Random) -> bytes:
        (size,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + size])
        tensor = draw.choice(sorted(set(header) - {"__metadata__"}))
        shape = header[tensor]["shape"]
        how = draw.choice(["shape", "dtype", "name"])
        if how == "shape":
            header[tensor]["shape"] = draw.choice([[], [0], [1, 1], [2**40], [*shape[::-1], 1]])
        elif how == "dtype":
            header[tensor]["dtype"] = draw.choice(["I8", "F64", "BOOL", "F8_E4M3", "X"])
        else:
            header[f"{tensor}.renamed"] = header.pop(tensor)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + raw[8 + size :]

    for number in range(count):
        yield f"{name}: header {number}", _changes(name, lies, draw.randrange(2**32))


def value_damages(name: str, draw: random.Random, count: int) -> Iterator[tuple[str, Damage]]:
    """A safetensors file of bf16 in which a value is infinite, or no number."""

    def infinite(raw: bytes, draw: random.Random) -> bytes:
        (size,) = struct.unpack("<Q", raw[:8])
        at = 8 + size + 2 * draw.randrange((len(raw) - 8 - size) // 2)
        return raw[:at] + draw.choice([b"\x80\x7f", b"\x80\xff", b"\xc0\x7f"]) + raw[at + 2 :]

    for number in range(count):
        yield f"{name}: value {number}", _changes(name, infinite, draw.randrange(2**32))


def _changes(name: str, change: Callable[[bytes, random.Random], bytes], seed: int) -> Damage:
    """Made when it is applied: thousands of changed files would not fit into memory."""

    def damage(folder: Path) -> None:
        _writes(name, change((folder / name).read_bytes(), random.Random(seed)))(folder)

    return damage


def _writes(name: str, raw: bytes) -> Damage:
    def damage(folder: Path) -> None:
        # Never through a link: what it leads to is not the copy's.
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(raw)

    return damage
