"""Prints the book, built as one page, to a PDF in headless Chromium once all of its charts are drawn.

BROWSER_PATH names a browser that is not on PATH.
"""

from __future__ import annotations

import asyncio
import base64
import sys
import time
from pathlib import Path

from look_at_book import Tab, browser, found_browser
from tornado.websocket import websocket_connect

DRAWN = """[...document.querySelectorAll(".spectral-collapse-chart")].filter(one => !one.querySelector("svg")).length"""
"""How many charts are not drawn yet."""
MINUTES = 10
"""A page that is not drawn by then never is."""
PAGES = {
    "printBackground": True,
    "paperWidth": 8.27,
    "paperHeight": 11.69,
    **dict.fromkeys(("marginTop", "marginBottom", "marginLeft", "marginRight"), 0.6),
    "scale": 0.75,
    "displayHeaderFooter": True,
    "headerTemplate": "<span></span>",
    "footerTemplate": '<div style="width:100%;text-align:center;font-size:8px"><span class="pageNumber"></span></div>',
    "generateDocumentOutline": True,
    "generateTaggedPDF": True,
    "transferMode": "ReturnAsStream",
}
"""A4, in inches; letters of 12 pixels come out at 6.75 points."""


async def printed(address: str, page: Path) -> bytes:
    """The page as a PDF. Raises TimeoutError where charts are not drawn."""
    tab = Tab(await websocket_connect(address, max_message_size=1 << 28), 60 * MINUTES)
    for domain in ("Page", "Runtime"):
        await tab.do(f"{domain}.enable")
    await tab.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    await tab.open(page, 1000)
    until = time.monotonic() + 60 * MINUTES
    while await tab.value("document.readyState") != "complete" or await tab.value(DRAWN):
        if time.monotonic() > until:
            raise TimeoutError(f"{await tab.value(DRAWN)} charts of {page} are not drawn after {MINUTES} minutes")
        await asyncio.sleep(1)
    stream = (await tab.do("Page.printToPDF", **PAGES))["stream"]
    parts, ended = [], False
    while not ended:
        read = await tab.do("IO.read", handle=stream, size=1 << 22)
        ended = read["eof"]
        parts.append(base64.b64decode(read["data"]) if read["base64Encoded"] else read["data"].encode())
    return b"".join(parts)


def main(page: Path, file: Path) -> int:
    """page: the book as one HTML page; file: the PDF."""
    path = found_browser()
    if path is None:
        print("no Chromium or Chrome is here to print with; install one or name it by BROWSER_PATH", file=sys.stderr)
        return 1
    with browser(path) as address:
        pdf = asyncio.run(printed(address, page.resolve()))
    file.write_bytes(pdf)
    print(f"{file}: {len(pdf) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
