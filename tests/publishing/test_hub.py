"""A model goes to the hub privately, whole, and only where the user means it."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from huggingface_hub.errors import RepositoryNotFoundError

from zoo.cli.export import export_run
from zoo.errors import ConfigError
from zoo.publishing import hub
from zoo.publishing.hub import Push, named, pushed, refused, size

UPLOADED = {"README.md", "recipe.json", "model.safetensors", "onnx/model.onnx"}
CARD = """---
tags: [zoo{tags}]
---
# it

```python
pipeline("x", model=".")
```

`"."` is the folder
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """An exported folder, and what is of no use elsewhere."""
    folder = tmp_path / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "README.md").write_text(CARD.format(tags=""))
    (folder / "recipe.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"w" * 1234)
    (folder / "onnx" / "model.onnx").write_bytes(b"o")
    (folder / "checkpoint.txt").write_text("step-1")
    (folder / ".README.md.part").write_text("torn")
    return folder


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with a token and a connection."""
    monkeypatch.setattr(hub, "get_token", lambda: "hf_x")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)


class Api:
    """Stands for HfApi."""

    private: ClassVar[bool | None] = None  # None: there is no repository
    calls: ClassVar[list[Any]] = []

    def repo_info(self, name: str) -> Any:
        if self.private is None:
            raise RepositoryNotFoundError("404", response=SimpleNamespace(headers={}, request=None))  # type: ignore[arg-type]
        return SimpleNamespace(private=self.private)

    def create_repo(self, name: str, **words: Any) -> Any:
        self.calls.append((name, words))
        return SimpleNamespace(repo_id=f"me/{name}")

    def upload_folder(self, repo_id: str, folder_path: str, **words: Any) -> None:
        root = Path(folder_path)
        texts = {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*.*")}
        self.calls.append((repo_id, texts))


@pytest.fixture
def api(free: None, monkeypatch: pytest.MonkeyPatch) -> type[Api]:
    """The hub, without a repository."""
    monkeypatch.setattr(hub, "HfApi", Api)
    monkeypatch.setattr(Api, "private", None)
    monkeypatch.setattr(Api, "calls", [])
    return Api


def test_it_is_private_unless_said_and_its_card_names_it(api: type[Api], model: Path) -> None:
    said = list(pushed(Push("it"), model))
    assert "4 files" in said[0] and "(private)" in said[0] and any("1.234 kB" in s for s in said)
    (_, made), (name, files) = api.calls
    assert made == {"private": True, "exist_ok": True} and name == "me/it"
    assert set(files) == UPLOADED
    assert 'model="me/it")' in files["README.md"] and '`"."` is the folder' in files["README.md"]
    list(pushed(Push("it", public=True), model))
    assert api.calls[2][1]["private"] is False
    assert 'model=".")' in (model / "README.md").read_text()


def test_a_public_repository_gets_nothing_by_mistake(
    api: type[Api], model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "private", False)
    with pytest.raises(ConfigError, match=r"found it, which is public.*did you mean --public"):
        list(pushed(Push("it"), model))
    assert api.calls == []
    monkeypatch.setattr(api, "private", True)
    list(pushed(Push("it"), model))
    assert len(api.calls) == 2


def test_a_dry_run_shows_and_sends_nothing(api: type[Api], model: Path) -> None:
    said = list(pushed(Push("it", dry_run=True), model))
    assert len(said) == 5 and "would go" in said[0] and api.calls == []


def test_what_an_upload_lacks_is_said_at_once(
    model: Path, monkeypatch: pytest.MonkeyPatch, free: None
) -> None:
    (model / "README.md").write_text(CARD.format(tags=", twin"))
    refused(Push("me/it", twin_too=True), model)
    monkeypatch.setattr(hub, "get_token", lambda: None)
    with pytest.raises(ConfigError) as caught:
        refused(Push("a/b/c"), model)
    told = str(caught.value)
    assert len(caught.value.faults) == 3
    assert "USER/NAME" in told and "--twin-too" in told and "hf auth login" in told
    refused(Push("me/it", twin_too=True, dry_run=True), model)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE"):
        refused(Push("me/it", twin_too=True), model)
    (model.parent / "origin.json").write_text('{"twin": true}')
    with pytest.raises(ConfigError, match="a toy"):
        refused(Push("me/it", dry_run=True), model.parent)


def test_options_of_an_upload_need_one() -> None:
    with pytest.raises(ConfigError, match="--public, --dry-run: found no --push"):
        export_run(Path(), public=True, dry_run=True)


def test_sizes_read_well_and_a_card_without_code_stays() -> None:
    assert [size(n) for n in (0, 999, 1000, 1234567, 5 * 10**13)] == [
        *("0 B", "999 B", "1 kB", "1.235 MB", "5e+04 GB"),
    ]
    assert named("# no code", "it") == "# no code"


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as an upload speaks to."""

    repository: ClassVar[dict[str, Any]] = {}
    files: ClassVar[dict[str, bytes]] = {}
    tokens: ClassVar[set[str | None]] = set()

    def answer(self, value: Any, code: int = 200, **heads: str) -> None:
        body = json.dumps(value).encode()
        self.send_response(code)
        for key, one in ({"Content-Length": str(len(body))} | heads).items():
            self.send_header(key.replace("_", "-"), one)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if not self.repository:
            self.answer({}, 404, X_Error_Code="RepoNotFound")
        elif "/tree/" in self.path:
            self.answer([{"type": "file", "path": n, "size": 1, "oid": "0"} for n in self.files])
        else:
            self.answer({"id": "me/it", "private": self.repository["private"], "sha": "0" * 40})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.tokens.add(self.headers["Authorization"])
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            private = asked.get("private", asked.get("visibility") == "private")
            self.repository["private"] = private
            self.answer({"url": f"http://{self.headers['Host']}/me/it"})
        elif "/preupload/" in self.path:
            paths = [one["path"] for one in json.loads(body)["files"]]
            modes = {"uploadMode": "regular", "shouldIgnore": False}
            self.answer({"files": [{"path": path, **modes} for path in paths]})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.files[line["value"]["path"]] = content
                elif line["key"] == "deletedFile":
                    del self.files[line["value"]["path"]]
            self.answer(
                {"commitUrl": f"http://{self.headers['Host']}/me/it/commit/1", "commitOid": "1"}
            )
        else:
            self.answer({"errors": [], "warnings": []})

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Where a stand-in of the hub listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def export(model: Path, endpoint: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`zoo export MODEL --push it` in a process of its own, by the real client."""
    names = {"HF_ENDPOINT": endpoint, "HF_TOKEN": "hf_mine", "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-m", "zoo", "export", str(model), "--push", "it", *words]
    return subprocess.run(command, env=os.environ | names, capture_output=True, text=True)


@pytest.mark.slow
def test_the_hubs_own_client_uploads_all_and_takes_away_what_is_no_more(
    model: Path, endpoint: str
) -> None:
    done = export(model, endpoint)
    assert done.returncode == 0, done.stderr
    assert Hub.repository["private"] is True and Hub.tokens == {"Bearer hf_mine"}
    assert set(Hub.files) == UPLOADED
    assert Hub.files["model.safetensors"] == b"w" * 1234 and b'"me/it"' in Hub.files["README.md"]
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    done = export(model, endpoint)
    assert done.returncode == 0, done.stderr
    assert "model.safetensors" not in Hub.files and len(Hub.files) == len(UPLOADED)
    gone = export(model, "http://127.0.0.1:9")
    assert gone.returncode == 2 and "does not take" in gone.stderr
    assert "Traceback" not in gone.stderr
