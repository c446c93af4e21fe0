"""Looks at the built book as its readers do: what its files weigh, where its links lead, and how each page comes out in
headless Chromium, light, dark and on a phone. Prints what is wrong, a line each, and fails where anything is.

Without a browser the pages are not opened, and that is said; BROWSER_PATH names one that is not on PATH.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from tornado.websocket import WebSocketClientConnection, websocket_connect

BOOK_MB, PAGE_MB = 15.0, 2.0
HARMLESS = "Detected faceted independent scales"
"""Of Vega's warnings: panels with rows of their own, which are meant."""
WIDE, PHONE = 1400, 400
LEAST_TEXT = 11.0
"""Pixels: of a chart's letters."""
LEAST_PICTURE = {WIDE: 128.0, PHONE: 96.0}
"""Pixels: of a picture in a gallery, whose own pixels stay as they are."""
LEAST_CONTRAST = 4.5
"""Of text (WCAG AA)."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSERS_AT_ONCE = 2
"""Not two tabs of one: a browser draws no tab that is behind another."""
SECONDS = 60.0
"""A page that is not drawn by then never is."""

STATE = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
"""What a page looks like, as a browser sees it."""


def weighed(book: Path) -> Iterator[str]:
    """What is wrong with the files: too heavy, of no use to a reader, or links to nothing."""
    files = [file for file in book.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    if size > BOOK_MB:
        yield f"the book has {size:.1f} MB, more than {BOOK_MB:g}"
    for file in files:
        name = file.relative_to(book)
        if file.suffix == ".map":
            yield f"{name}: a source map, which no reader needs"
        if file.suffix != ".html" or name.parts[0] == "_static":  # there the theme keeps templates
            continue
        if file.stat().st_size > PAGE_MB * 1e6:
            yield f"{name}: {file.stat().st_size / 1e6:.1f} MB, more than {PAGE_MB:g}"
        text = file.read_text(encoding="utf-8", errors="ignore")
        for link in sorted(set(re.findall(r'(?:href|src)="([^"#?:]+)[^":]*"', text))):
            target = file.parent / unquote(link)
            if not (target.is_file() or (target / "index.html").is_file()):
                yield f"{name}: a link to {link}, which is not there"


def pages(book: Path) -> list[Path]:
    """The pages with a text, in the order of their names."""
    return sorted(file for file in book.rglob("*.html") if "<article" in file.read_text(errors="ignore"))


def found_browser() -> str | None:
    """The browser of BROWSER_PATH, or the first one on PATH."""
    return os.environ.get("BROWSER_PATH") or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def browser(path: str) -> Iterator[str]:
    """A headless Chromium without a network; yields the address of its one tab."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        ]
        process = subprocess.Popen(
            [path, *options, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            told, deadline = Path(profile) / "DevToolsActivePort", time.monotonic() + SECONDS
            while not (told.is_file() and "\n" in told.read_text()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise OSError(f"{path} does not start")
                time.sleep(0.1)
            port = told.read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                [tab] = [one for one in json.load(answer) if one["type"] == "page"]
            yield tab["webSocketDebuggerUrl"]
        finally:
            process.terminate()
            process.wait()


class Tab:
    """A tab of the browser: commands of the DevTools protocol, and what the page says meanwhile."""

    def __init__(self, socket: WebSocketClientConnection, seconds: float = SECONDS) -> None:
        self._socket, self._seconds, self._number = socket, seconds, 0
        self.complaints: list[str] = []

    async def do(self, method: str, **parameters: object) -> dict:
        self._number += 1
        await self._socket.write_message(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await asyncio.wait_for(self._socket.read_message(), self._seconds))
            if message.get("id") == self._number:
                return message.get("result", {})
            self._note(message.get("method"), message.get("params", {}))

    async def value(self, script: str) -> object:
        answer = await self.do("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ValueError(answer["exceptionDetails"].get("exception", {}).get("description", "a script failed"))
        return answer["result"].get("value")

    async def open(self, page: Path, width: int) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.do("Emulation.setDeviceMetricsOverride", **size)
        await self.do("Page.navigate", url=page.as_uri())

    async def shown(self, theme: str) -> dict:
        """Has the system light or dark, and waits until all charts are drawn for it; returns `STATE`."""
        media = [{"name": "prefers-color-scheme", "value": theme}]
        await self.do("Emulation.setEmulatedMedia", features=media)
        until, state = time.monotonic() + SECONDS, {}
        while time.monotonic() < until:
            await asyncio.sleep(0.1)
            if await self.value("document.readyState") != "complete":
                continue
            state = await self.value(STATE)
            if state["theme"] == theme and (state["drawn"] == state["charts"] or state["failed"]):
                break
        return state

    async def picture(self, file: Path) -> None:
        width, height = await self.value("[innerWidth, document.documentElement.scrollHeight]")
        size = {"width": width, "height": min(height, 15000), "deviceScaleFactor": 1, "mobile": False}
        await self.do("Emulation.setDeviceMetricsOverride", **size)
        await asyncio.sleep(0.5)
        shot = await self.do("Page.captureScreenshot", format="png")
        file.write_bytes(base64.b64decode(shot["data"]))

    def _note(self, method: str | None, said: dict) -> None:
        if method == "Runtime.exceptionThrown":
            details = said["exceptionDetails"]
            self.complaints.append(f"error: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "assert"):
            self.complaints.append(f"error: {' '.join(str(one.get('value', one)) for one in said['args'])}")
        elif method == "Runtime.consoleAPICalled" and said["type"] == "warning":  # Vega's: an axis from 0 on, say
            warning = " ".join(str(one.get("value", one)) for one in said["args"])
            self.complaints += [] if HARMLESS in warning else [f"warning: {warning}"]
        elif method == "Log.entryAdded" and said["entry"]["level"] == "error":
            self.complaints.append(f"error: {said['entry']['text']} {said['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            address = said["request"]["url"]
            if not address.startswith(("file:", "data:", "blob:", "about:")):
                self.complaints.append(f"a request to {address}")


def faults(state: dict, width: int) -> Iterator[str]:
    """What is wrong with how a page came out."""
    yield from state["failed"]
    if state["drawn"] < state["charts"]:
        yield f"{state['drawn']} of {state['charts']} charts are drawn"
    for which in state["empty"]:
        yield f"plots without any mark, {which}"
    for which in state["lost"]:
        yield f"rows of a chart's table that are not drawn, {which}"
    if state["undescribed"]:
        yield f"{state['undescribed']} charts or pictures have no description"
    if state["tables"]:
        yield f"{state['tables']} charts have no data to download"
    if state["contrast"] is not None and state["contrast"] < LEAST_CONTRAST:
        yield f"text in a chart has a contrast of {state['contrast']:.1f}, less than {LEAST_CONTRAST:g}"
    if state["width"] > state["room"]:
        yield f"the page is {state['width']} pixels wide in {state['room']}: {', '.join(state['wider']) or 'somewhere'}"
    if state["faint"]:
        yield f"text has a contrast less than {LEAST_CONTRAST:g}: {', '.join(state['faint'])}"
    if state["unseen"]:
        yield f"a keyboard's focus is not seen on {', '.join(state['unseen'])}"
    if state["overflowing"] and width == WIDE:
        yield f"{state['overflowing']} charts are wider than their place"
    if state["text"] is not None and state["text"] < LEAST_TEXT - 0.05:
        yield f"text in a chart has {state['text']:.1f} pixels, less than {LEAST_TEXT:g}"
    if state["picture"] is not None and state["picture"] < LEAST_PICTURE[width]:
        yield f"a picture has {state['picture']:.0f} pixels, less than {LEAST_PICTURE[width]:g}"
    if state["smooth"]:
        yield f"{state['smooth']} pictures are smoothed"


class Looked(NamedTuple):
    """What is wrong with pages in a browser, and how many pages and charts that were."""

    wrong: list[str]
    pages: int
    charts: int


async def opened(address: str, book: Path, waiting: Iterator[Path], pictures: Path | None) -> Looked:
    """Looks in one browser at page after page, until none is waiting."""
    socket = await websocket_connect(address, max_message_size=1 << 28)
    tab, wrong, looked, charts = Tab(socket), [], 0, 0
    for domain in ("Page", "Runtime", "Log", "Network"):
        await tab.do(f"{domain}.enable")
    await tab.do("Emulation.setFocusEmulationEnabled", enabled=True)
    for page in waiting:
        name = page.relative_to(book).with_suffix("")
        for width, theme in ((WIDE, "light"), (WIDE, "dark"), (PHONE, "dark"), (PHONE, "light")):
            how, tab.complaints = f"{theme}, {width} pixels", []
            if (width, theme) in ((WIDE, "light"), (PHONE, "dark")):  # the other comes by a switch in the open page
                await tab.open(page, width)
            state = await tab.shown(theme)
            wrong += [f"{name} ({how}): {fault}" for fault in (*faults(state, width), *tab.complaints)]
            if pictures:
                await tab.picture(pictures / f"{str(name).replace('/', '-')}-{width}-{theme}.png")
        looked, charts = looked + 1, charts + state["charts"]
    socket.close()
    return Looked(wrong, looked, charts)


def looked_at(path: str, book: Path, pictures: Path | None) -> Looked:
    """Looks at all pages, in browsers side by side, of which each takes the next page when it is done with one."""
    found = pages(book)
    waiting = iter(found)

    async def all_pages(addresses: list[str]) -> list[Looked]:
        return await asyncio.gather(*(opened(address, book, waiting, pictures) for address in addresses))

    with ExitStack() as running:
        parts = asyncio.run(all_pages([running.enter_context(browser(path)) for _ in found[:BROWSERS_AT_ONCE]]))
    wrong = sorted({fault for part in parts for fault in part.wrong})
    return Looked(wrong, sum(part.pages for part in parts), sum(part.charts for part in parts))


def main(book: Path, pictures: Path | None = None) -> int:
    """Looks at a book; pictures: a folder for screenshots of all its pages."""
    wrong = list(weighed(book))
    path = found_browser()
    if path is None:
        print("no Chromium or Chrome is here, so the pages were not opened; install one or name it by BROWSER_PATH")
    else:
        if pictures:
            pictures.mkdir(parents=True, exist_ok=True)
        found = looked_at(path, book.resolve(), pictures)
        wrong += found.wrong
        sizes = f"{WIDE} and {PHONE} pixels"
        print(f"looked at {found.pages} pages with {found.charts} charts, each in light and dark at {sizes}")
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
