"""A server of a folder's files that counts what it is asked, and may be made to fail."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.ranks import free_port


class Server:
    """Serves `folder` while it is up; `asked` counts the files that were asked for, and with
    `parts` (ranges of bytes, which it gives then) `sent` their bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.asked: Counter[str] = Counter()
        self.queries: list[str] = []
        self.parts = False
        self.sent: Counter[str] = Counter()
        self.cut = 0
        """So many answers break off in their middle."""
        self.silent = threading.Event()
        """Set: answers stop in their middle and nothing more comes."""
        self.status = 0
        """The status of every answer, unless 0."""
        self.http: ThreadingHTTPServer | None = None
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Begins to answer."""
        handler = partial(_Handler, owner=self, directory=str(self.folder))
        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuses connections from now on."""
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.http = None

    def down_for(self, seconds: float) -> None:
        """Refuses connections, and answers again later."""
        self.down()
        threading.Timer(seconds, self.up).start()


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.silent.clear()
        server.down()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, owner: Server, **words: Any) -> None:
        self.owner = owner
        super().__init__(*args, **words)

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].lstrip("/")
        self.owner.queries.append(self.path)
        path = self.owner.folder / name
        if self.owner.status:
            self.send_error(self.owner.status)
            return
        if not path.is_file():
            super().do_GET()
            return
        self.owner.asked[name] += 1
        content, status = path.read_bytes(), 200
        if self.owner.parts and (asked := self.headers.get("Range")):
            first, last = asked.removeprefix("bytes=").split("-")
            content, status = content[int(first) : int(last) + 1], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.owner.cut or self.owner.silent.is_set():
            self.owner.cut -= 1
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            while self.owner.silent.is_set():
                time.sleep(0.02)
            self.close_connection = True
            return
        self.owner.sent[name] += len(content)
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None: ...
