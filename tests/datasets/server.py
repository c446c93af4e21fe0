"""A local web server and archives for the tests of downloads."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from spectral_collapse.datasets.download import Archive


class Server:
    """Serves `files` on 127.0.0.1 with ranges and ETags; can break connections and lie, and counts requests."""

    def forget(self) -> None:
        """Serves nothing, breaks nothing and has counted nothing."""
        self.files: dict[str, bytes] = {}
        self.break_after: list[int] = []  # bytes after which the next answers end, one entry an answer
        self.break_always: int | None = None  # bytes after which every answer ends
        self.stall = 0.0  # seconds of silence before a broken connection ends
        self.headers: dict[str, str | None] = {}  # in place of the right ones; None leaves one out
        self.shift = 0  # bytes by which an answer to a range begins elsewhere than asked for
        self.ranges: list[str | None] = []

    def __init__(self) -> None:
        self.forget()
        self.silence = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                outer.ranges.append(wanted)
                content = outer.files.get(self.path.lstrip("/"))
                if content is None:
                    self.send_error(404)
                    return
                etag = f'"{hashlib.md5(content).hexdigest()}"'
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
                if self.headers.get("If-Range", etag) != etag:
                    start = 0
                if wanted and start >= len(content):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(content)}")
                    self.end_headers()
                    return
                self.send_response(206 if start else 200)
                headers = {"ETag": etag}
                if start:
                    start += outer.shift
                    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                headers["Content-Length"] = str(len(content) - start)
                for name, value in {**headers, **outer.headers}.items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                length = outer.break_after.pop(0) if outer.break_after else outer.break_always
                self.wfile.write(content[start:] if length is None else content[start : start + length])
                if length is not None:
                    outer.silence.wait(outer.stall)
                self.close_connection = True

            def log_message(self, *arguments: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up is part of these tests."""

        self.http = Quiet(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def offer(self, name: str, content: bytes, **known: object) -> Archive:
        self.files[name] = content
        return Archive(f"{self.address}/{name}", name, **known)

    def stop(self) -> None:
        self.silence.set()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member of a tar that is no plain file: a link to a target, a device, a file with holes."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def tarred(members: dict[str, bytes], *specials: tarfile.TarInfo, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for special in specials:
            archive.addfile(special)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
