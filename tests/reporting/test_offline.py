"""A report asks nobody for anything: all that a browser requests passes a proxy that counts."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.reporting.browser import needs_browser, shown
from tests.reporting.test_report import written
from zoo.reporting.page import write_report
from zoo.reporting.reading import read_run

OWN = (
    "//clients2.google.com/",
    "accounts.google.com:443",
    "www.google.com:443",
)
"""What a browser asks of its own accord; none is where a page would have fonts or scripts from."""


@contextmanager
def counting() -> Iterator[tuple[int, list[str]]]:
    """A proxy's port, and what it was asked for so far."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, asked
    finally:
        server.shutdown()
        server.server_close()


def asked_by(page: Path) -> list[str]:
    """What a browser asks the network for while it shows a page."""
    with counting() as (port, asked):
        shown(
            page, "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--proxy-server=http://127.0.0.1:{port}",
        )  # fmt: skip
        return [one for one in asked if not any(host in one for host in OWN)]


@needs_browser
@pytest.mark.slow
def test_a_report_requests_nothing_where_another_page_is_seen_to(tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text('<img src="http://pictures.test/one.png">')
    assert asked_by(other) == ["http://pictures.test/one.png"]
    write_report([read_run(written(tmp_path / "a", 40))], tmp_path / "page.html")
    assert asked_by(tmp_path / "page.html") == []
