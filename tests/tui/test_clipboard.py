"""The system's clipboard, through real programs on a PATH of the test's own."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from textual.app import App

from dgedit.tui.clipboard import OSC_52_BYTES_MAX, Clipboard, amount

CAT, SLEEP = shutil.which("cat"), shutil.which("sleep")
FAIL = "exit 1"
HANG = f"exec {SLEEP} 60"
X11 = {"DISPLAY": ":0"}
BOTH = {"WAYLAND_DISPLAY": "wayland-0", **X11}
LONG_S = 30.0
"""Longer than any program of a test that is meant to end."""


@dataclass
class FakeTerminal:
    """What the terminal was given."""

    given: list[str] = field(default_factory=list)

    def copy_to_clipboard(self, text: str) -> None:
        self.given.append(text)


@dataclass
class Desktop:
    """A folder of programs, which log how they were called and share one clipboard."""

    bin: Path

    def install(self, name: str, body: str) -> None:
        script = self.bin / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> "{self.bin}/log"\n{body}\n')
        script.chmod(0o755)

    def install_working(self, copy: str, paste: str) -> None:
        keep, show = f'{CAT} > "{self.store}"', f'{CAT} "{self.store}"'
        if copy == paste:
            self.install(copy, f'case "$*" in *out*) {show};; *) {keep};; esac')
        else:
            self.install(copy, keep)
            self.install(paste, show)

    @property
    def store(self) -> Path:
        return self.bin / "store"

    @property
    def calls(self) -> list[str]:
        log = self.bin / "log"
        return [line.strip() for line in log.read_text().splitlines()] if log.exists() else []

    def clipboard(self, environment: dict[str, str] | None = None, timeout_s: float = LONG_S) -> Clipboard:
        return Clipboard({"PATH": str(self.bin), **(environment or {})}, timeout_s=timeout_s)


def ends(pid: int) -> bool:
    """Whether a process ends soon; one that nobody has waited for yet has ended too."""
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(500):
        with suppress(FileNotFoundError):
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    folder = tmp_path / "bin"
    folder.mkdir()
    return Desktop(folder)


@pytest.fixture
def terminal() -> FakeTerminal:
    return FakeTerminal()


@pytest.mark.parametrize(
    ("copy", "paste", "environment", "calls"),
    [
        (
            "wl-copy",
            "wl-paste",
            {"WAYLAND_DISPLAY": "wayland-0"},
            ["wl-copy", "wl-paste --no-newline --type text"],
        ),
        (
            "xclip",
            "xclip",
            {"DISPLAY": ":0"},
            ["xclip -selection clipboard", "xclip -selection clipboard -out"],
        ),
        ("xsel", "xsel", {"DISPLAY": ":0"}, ["xsel --clipboard --input", "xsel --clipboard --output"]),
        ("pbcopy", "pbpaste", {}, ["pbcopy", "pbpaste"]),
    ],
)
def test_text_goes_through_the_tools_of_the_desktop(
    desktop: Desktop, terminal: FakeTerminal, copy: str, paste: str, environment: dict[str, str], calls: list[str]
) -> None:
    desktop.install_working(copy, paste)
    clipboard = desktop.clipboard(environment)
    text = "é😀\tone\ntwo\rtwo\n"
    assert clipboard.copy(text, terminal) == f"copied 2 lines ({copy})"
    assert desktop.store.read_bytes() == text.encode()
    assert clipboard.paste() == text
    desktop.store.write_bytes(b"from elsewhere\r\n")
    assert clipboard.paste() == "from elsewhere\n"
    assert desktop.calls == [*calls, calls[1]]
    assert terminal.given == []


def test_windows_gets_utf_16_and_gives_base64(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("clip.exe", f'{CAT} > "{desktop.store}"')
    answer = base64.b64encode("aé😀\r\nb".encode()).decode()
    desktop.install("powershell.exe", f"printf '{answer}\\r\\n'")
    clipboard = desktop.clipboard({"WSL_DISTRO_NAME": "Debian"})
    assert clipboard.copy("é😀", terminal) == "copied 2 characters (clip.exe)"
    assert desktop.store.read_bytes() == "é😀".encode("utf-16-le")
    assert clipboard.paste() == "aé😀\nb"


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, "OSC 52"),
        ({"DISPLAY": ":0"}, "xclip"),
        ({"DISPLAY": ""}, "OSC 52"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "wl-copy"),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "wl-copy"),
        ({"SSH_CONNECTION": "1 2 3 4"}, "OSC 52"),
        ({"SSH_CONNECTION": "1 2 3 4", "DISPLAY": "localhost:10"}, "xclip"),
        ({"SSH_CONNECTION": "1 2 3 4", "WSL_DISTRO_NAME": "Debian"}, "OSC 52"),
        ({"WSL_INTEROP": "/run/x"}, "clip.exe"),
    ],
)
def test_which_place_is_chosen(
    desktop: Desktop, terminal: FakeTerminal, environment: dict[str, str], place: str
) -> None:
    for name in ("wl-copy", "xclip", "xsel", "clip.exe"):
        desktop.install_working(name, "paste-" + name)
    assert desktop.clipboard(environment).copy("a\nb\nc", terminal) == f"copied 3 lines ({place})"
    assert terminal.given == (["a\nb\nc"] if place == "OSC 52" else [])


def test_over_ssh_a_mac_uses_the_terminal(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install_working("pbcopy", "pbpaste")
    assert desktop.clipboard({"SSH_CONNECTION": "1 2 3 4"}).copy("x", terminal) == "copied 1 character (OSC 52)"
    assert desktop.calls == []


def test_a_tool_that_fails_is_passed_over(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("wl-copy", FAIL)
    desktop.install("wl-paste", "echo stale")
    desktop.install_working("xclip", "xclip")
    clipboard = desktop.clipboard(BOTH)
    assert clipboard.paste() == "stale\n"
    assert clipboard.copy("new", terminal) == "copied 3 characters (xclip)"
    assert clipboard.paste() == "new"


def test_a_tool_that_hangs_is_ended_and_not_asked_again(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("wl-copy", f'{SLEEP} 60 &\necho $! > "{desktop.bin}/pid"\nwait')
    desktop.install_working("xclip", "xclip")
    clipboard = desktop.clipboard(BOTH, timeout_s=1)
    for text in ("one", "three"):
        assert clipboard.copy(text, terminal) == f"copied {len(text)} characters (xclip)"
    assert [call.split()[0] for call in desktop.calls] == ["wl-copy", "xclip", "xclip"]
    assert ends(int((desktop.bin / "pid").read_text()))
    assert clipboard.paste() == "three"


def test_a_paste_that_hangs_gives_what_was_copied(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("pbcopy", f"{CAT} > /dev/null")
    desktop.install("pbpaste", HANG)
    clipboard = desktop.clipboard(timeout_s=1)
    assert clipboard.copy("mine", terminal) == "copied 4 characters (pbcopy)"
    assert clipboard.paste() == "mine"
    assert clipboard.paste() == "mine"
    assert desktop.calls == ["pbcopy", "pbpaste"]


def test_a_tool_that_reads_nothing_does_not_hang_on_a_large_text(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("pbcopy", HANG)
    text = "x" * 1_000_000
    status = desktop.clipboard(timeout_s=1).copy(text, terminal)
    assert status.startswith("copied 1,000,000 characters within dgedit alone")


def test_a_tool_may_stay_to_serve_the_clipboard(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("xclip", f'{CAT} > "{desktop.store}"\n{SLEEP} 60 &\necho $! > "{desktop.bin}/pid"')
    assert desktop.clipboard(X11).copy("x", terminal) == "copied 1 character (xclip)"
    # It lives on: this raises where the process is gone.
    os.kill(int((desktop.bin / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("paste", [FAIL, r"printf '\377\376'"])
def test_a_paste_that_is_no_text_gives_what_was_copied(desktop: Desktop, terminal: FakeTerminal, paste: str) -> None:
    desktop.install_working("xclip", "xclip")
    clipboard = desktop.clipboard(X11)
    clipboard.copy("mine", terminal)
    desktop.install("xclip", paste)
    assert clipboard.paste() == "mine"


def test_what_the_terminal_took_is_pasted_before_what_a_tool_has(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install("xclip", f"case $* in *out*) echo stale;; *) {FAIL};; esac")
    clipboard = desktop.clipboard(X11)
    assert clipboard.paste() == "stale\n"
    assert clipboard.copy("new", terminal) == "copied 3 characters (OSC 52)"
    assert clipboard.paste() == "new"


def test_a_program_that_cannot_be_started_is_passed_over(desktop: Desktop, terminal: FakeTerminal) -> None:
    broken = desktop.bin / "pbcopy"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    assert desktop.clipboard().copy("x", terminal) == "copied 1 character (OSC 52)"


def test_nothing_is_pasted_where_nothing_was_copied(desktop: Desktop) -> None:
    assert desktop.clipboard().paste() is None
    assert Clipboard({}).paste() is None


def test_tools_are_looked_for_at_the_first_use_alone(desktop: Desktop, terminal: FakeTerminal) -> None:
    clipboard = desktop.clipboard()
    desktop.install_working("pbcopy", "pbpaste")
    assert clipboard.copy("x", terminal) == "copied 1 character (pbcopy)"
    (desktop.bin / "pbcopy").unlink()
    desktop.install_working("wl-copy", "wl-paste")
    assert clipboard.copy("x", terminal) == "copied 1 character (OSC 52)"


def test_the_terminal_is_spared_what_it_would_cut(desktop: Desktop, terminal: FakeTerminal) -> None:
    clipboard = desktop.clipboard()
    fits, too_large = "é" * (OSC_52_BYTES_MAX // 2), "é" * (OSC_52_BYTES_MAX // 2 + 1)
    assert clipboard.copy(fits, terminal) == "copied 37,497 characters (OSC 52)"
    status = clipboard.copy(too_large, terminal)
    assert status == "copied 37,498 characters within dgedit alone: 74,996 bytes, OSC 52 takes 74,994"
    assert terminal.given == [fits]
    assert clipboard.paste() == too_large


def test_text_that_no_terminal_can_take_stays_in_the_editor(desktop: Desktop) -> None:
    class Strict(FakeTerminal):
        def copy_to_clipboard(self, text: str) -> None:
            text.encode()

    clipboard = desktop.clipboard()
    assert clipboard.copy("\udcff", Strict()) == "copied 1 character within dgedit alone"
    assert clipboard.paste() == "\udcff"


async def test_a_textual_app_is_a_terminal(desktop: Desktop) -> None:
    app: App[None] = App()
    async with app.run_test():
        assert desktop.clipboard().copy("a\nb", app) == "copied 2 lines (OSC 52)"
        assert app.clipboard == "a\nb"


def test_threads_may_share_a_clipboard(desktop: Desktop, terminal: FakeTerminal) -> None:
    desktop.install_working("pbcopy", "pbpaste")
    clipboard = desktop.clipboard()
    statuses: list[str] = []
    texts = ["x" * size for size in range(1, 6)]
    threads = [
        threading.Thread(target=lambda text=text: statuses.append(clipboard.copy(text, terminal))) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == sorted(f"copied {amount(text)} (pbcopy)" for text in texts)
    assert clipboard.paste() in texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "0 characters"),
        ("a", "1 character"),
        ("ab", "2 characters"),
        ("a\n", "1 line"),
        ("a\nb", "2 lines"),
        ("a\r\nb\r\n", "2 lines"),
        ("\n" * 1234, "1,234 lines"),
    ],
)
def test_how_much_was_copied(text: str, expected: str) -> None:
    assert amount(text) == expected
