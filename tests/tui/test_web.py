"""`dgedit web`: the link opens one session, nobody else gets in, and the editor behind it is the real one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

aiohttp = pytest.importorskip("aiohttp")
pytest.importorskip("textual_serve")

from aiohttp.test_utils import TestClient, TestServer  # noqa: E402

from dgedit.tui.web import HOST, EditorServer, free_port  # noqa: E402

GIVE_UP_S = 120.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SOURCE = "def add(a, b):\n    return <FILL_ME>\n\n\nprint(add(1, 2))\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.py"
    file.write_text(SOURCE)
    return file


@asynccontextmanager
async def visiting(server: EditorServer) -> AsyncIterator[Any]:
    """A browser's requests to a server in this process; it keeps cookies."""
    test = TestServer(await server._make_app(), host=HOST, port=server.port)
    async with TestClient(test, cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        yield client


async def test_the_link_opens_one_session() -> None:
    server = EditorServer([], free_port())
    token = server.gate.token
    async with visiting(server) as first:
        assert (await first.get("/")).status == 403
        assert (await first.get("/", params={"token": "x" * len(token)})).status == 403
        assert (await first.get("/ws")).status == 403
        assert (await first.get("/static/js/textual.js")).status == 403
        page = await first.get("/", params={"token": token})
        assert page.status == 200
        assert token not in str(page.url)
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
        assert (await first.get("/static/js/textual.js")).status == 200
        assert (await first.get("/")).status == 200, "the page may be loaded again"
        async with aiohttp.ClientSession() as other:
            async with other.get(server.link) as answer:
                assert answer.status == 403
            async with other.get(f"http://{HOST}:{server.port}/ws", headers={"Cookie": "dgedit=x"}) as answer:
                assert answer.status == 403


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_other_sites_are_turned_away_even_with_the_cookie(headers: dict[str, str]) -> None:
    server = EditorServer([], free_port())
    async with visiting(server) as client:
        assert (await client.get("/", params={"token": server.gate.token})).status == 200
        assert (await client.get("/", headers=headers)).status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect("/ws", headers=headers)


@asynccontextmanager
async def served(*arguments: str) -> AsyncIterator[str]:
    """The link of a `dgedit web` that runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dgedit", "web", *arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert process.stderr is not None
    try:
        said = (await asyncio.wait_for(process.stderr.readline(), GIVE_UP_S)).decode()
        found = re.search(r"http://\S+", said)
        assert found, said
        yield found[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def test_a_file_is_edited_and_saved_over_the_socket(path: Path) -> None:
    async with served(str(path)) as link, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(link) as page:
            assert page.status == 200
        async with session.ws_connect(link.split("/?")[0] + "/ws?width=80&height=24") as socket:
            shown = ""
            async with asyncio.timeout(GIVE_UP_S):
                while "add" not in shown or "x.py" not in shown:
                    message = await socket.receive()
                    shown += message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else ""
                await socket.send_json(["stdin", "# new"])
                await socket.send_json(["stdin", "\x13"])
                while path.read_text() == SOURCE:
                    await socket.receive()
    assert path.read_text() == "# new" + SOURCE


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
async def test_in_a_browser_a_hole_is_filled_accepted_and_saved(path: Path, tmp_path: Path) -> None:
    async with served(str(path)) as link, browser(tmp_path / "profile") as page:
        await page.call("Page.navigate", url=link)
        await page.ready()
        await page.keys("F8")
        await asyncio.sleep(2)
        await page.keys("Control+g")
        await asyncio.sleep(20)
        await page.picture(Path(os.environ.get("DGEDIT_PICTURE", tmp_path / "web.png")))
        await page.keys("Tab")
        await asyncio.sleep(2)
        await page.keys("Control+s")
        async with asyncio.timeout(GIVE_UP_S):
            while path.read_text() == SOURCE:
                await asyncio.sleep(0.2)
    assert "<FILL_ME>" not in path.read_text()
    assert path.read_text().startswith("def add(a, b):\n    return ")


class Page:
    """One page of a browser, through its debugging protocol."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._number = socket, 0

    async def call(self, method: str, **values: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": values})
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                answer = (await self._socket.receive()).json()
                if answer.get("id") == self._number:
                    return dict(answer.get("result", {}))

    async def ready(self) -> None:
        """Wait until the terminal is there and has the keyboard."""
        script = "document.body.className.includes('-first-byte') && !!document.querySelector('.xterm')"
        async with asyncio.timeout(GIVE_UP_S):
            while not (await self.call("Runtime.evaluate", expression=script))["result"].get("value"):
                await asyncio.sleep(0.3)
        await asyncio.sleep(3)
        await self.call("Runtime.evaluate", expression="document.querySelector('textarea').focus()")

    async def keys(self, key: str) -> None:
        """Press a key, perhaps with Control."""
        name = key.rpartition("+")[2]
        code = {"F8": 119, "Tab": 9, "g": 71, "s": 83}[name]
        values = {"key": name, "windowsVirtualKeyCode": code, "modifiers": 2 if "+" in key else 0}
        await self.call("Input.dispatchKeyEvent", type="rawKeyDown", **values)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **values)

    async def picture(self, out: Path) -> None:
        """Write what is shown."""
        out.write_bytes(base64.b64decode((await self.call("Page.captureScreenshot"))["data"]))


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Page]:
    """A page of a headless Chromium that reaches nothing but this machine."""
    assert CHROMIUM is not None
    port = free_port()
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,640", "--no-first-run")
    alone = ("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--disable-background-networking")
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *options, *alone, f"--user-data-dir={profile}", f"--remote-debugging-port={port}", "about:blank"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(await debugger(session, port), max_msg_size=0) as socket,
        ):
            yield Page(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def debugger(session: Any, port: int) -> str:
    """Where the page's debugging protocol is spoken."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://{HOST}:{port}/json") as answer:
                    pages = [each for each in await answer.json() if each["type"] == "page"]
                    if pages:
                        return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(0.2)
