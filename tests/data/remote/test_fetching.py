"""Shards from a server: whole or not at all, once a machine, within a budget, never without end."""

import hashlib
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from filelock import FileLock

from tests.data.remote.server import Server, serving
from zoo.data.remote.cache import NoRoom, ShardCache
from zoo.data.remote.fetching import fetch
from zoo.data.remote.trying import Denied, Unreachable

SIZE = 100_000


@pytest.fixture
def server(tmp_path: Path) -> object:
    folder = tmp_path / "served"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.tar").write_bytes(bytes([number]) * SIZE)
    with serving(folder) as one:
        yield one


def fetched(server: Server, target: Path, number: int = 0, seconds: float = 5) -> bytes:
    fetch(f"{server.url}/{number}.tar", target, SIZE, None, seconds)
    return target.read_bytes()


def test_an_answer_that_breaks_off_is_asked_for_again(server: Server, tmp_path: Path) -> None:
    server.cut = 2
    assert fetched(server, tmp_path / "here.part") == bytes(SIZE)
    assert server.asked["0.tar"] == 3
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["here.part"]


def test_a_server_that_comes_back_is_waited_for(server: Server, tmp_path: Path) -> None:
    server.down_for(1.0)
    assert fetched(server, tmp_path / "here.part", 1) == b"\1" * SIZE


def test_a_server_that_does_not_come_back_ends_it_within_the_time(
    server: Server, tmp_path: Path
) -> None:
    server.down()
    started = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        fetched(server, tmp_path / "here.part", seconds=1)
    assert 0.9 < time.monotonic() - started < 3
    assert f"{server.url}/0.tar" in str(caught.value)
    assert "data.timeout" in str(caught.value)
    assert "tries" in str(caught.value)


def test_a_link_that_falls_silent_does_not_hang(server: Server, tmp_path: Path) -> None:
    server.silent.set()
    started = time.monotonic()
    with pytest.raises(Unreachable, match=r"data\.timeout"):
        fetched(server, tmp_path / "here.part", seconds=1)
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_the_server_denies_is_not_asked_for_again(
    status: int, server: Server, tmp_path: Path
) -> None:
    server.status = status
    with pytest.raises(Denied, match=r"0\.tar"):
        fetched(server, tmp_path / "here.part", seconds=30)
    assert len(server.queries) == 1


def test_what_a_url_holds_of_a_person_is_never_said(server: Server, tmp_path: Path) -> None:
    server.status = 403
    place = server.url.replace("//", "//me:secret@") + "/0.tar?token=hidden"
    with pytest.raises(Denied) as caught:
        fetch(place, tmp_path / "here.part", None, None, 1)
    assert "0.tar" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("secret", "hidden", "me:"))


def test_another_content_than_was_meant_is_no_shard(server: Server, tmp_path: Path) -> None:
    meant = hashlib.sha256(bytes(SIZE)).hexdigest()
    fetch(f"{server.url}/0.tar", tmp_path / "0.part", SIZE, meant, 1)
    with pytest.raises(Unreachable, match="sha256"):
        fetch(f"{server.url}/1.tar", tmp_path / "1.part", SIZE, meant, 0.5)
    assert not (tmp_path / "1.part").exists()


def test_the_cache_holds_its_budget_and_removes_what_was_used_least_lately(
    server: Server, tmp_path: Path
) -> None:
    cache = ShardCache(tmp_path / "cache", 4 * SIZE)
    for number in range(4):
        os.utime(held(cache, server, number), (number, number))
    held(cache, server, 0)
    held(cache, server, 4)
    assert sorted(path.name for path in cache.root.glob("*.tar")) == [
        "0.tar",
        "2.tar",
        "3.tar",
        "4.tar",
    ]
    whole = ShardCache(tmp_path / "cache", SIZE // 2)
    path = held(whole, server, 5)
    assert [one.name for one in cache.root.glob("*.tar")] == ["5.tar"] == [path.name]


def test_what_somebody_reads_makes_room_last_and_the_soonest_needed_last_of_all(
    server: Server, tmp_path: Path
) -> None:
    mine, theirs = (ShardCache(tmp_path / "cache", 4 * SIZE) for _ in range(2))
    for number in range(4):
        held(mine, server, number)
    mine.claim(["0.tar", "1.tar", "8.tar"])
    theirs.claim(["9.tar", "3.tar", "0.tar"])
    held(theirs, server, 4, patient=True)  # in place of the one that nobody reads
    assert here(mine) == {"0.tar", "1.tar", "3.tar", "4.tar"}
    held(mine, server, 5, patient=True)
    with pytest.raises(NoRoom):
        theirs.claim(["3.tar", "0.tar", "5.tar"])
        held(mine, server, 6, patient=True)
    assert here(mine) == {"0.tar", "1.tar", "3.tar", "5.tar"}
    assert not list(mine.root.glob("*.part"))
    held(mine, server, 6)  # is read now: what is needed last has to go
    assert here(mine) == {"0.tar", "1.tar", "3.tar", "6.tar"}
    mine.claim([])
    theirs.claim(["6.tar"])
    held(theirs, server, 7, patient=True)
    assert "6.tar" in here(mine)


def here(cache: ShardCache) -> set[str]:
    return {path.name for path in cache.root.glob("*.tar")}


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    def claim() -> None:
        ShardCache(tmp_path, 1).claim(["0.tar"])
        os.kill(os.getpid(), signal.SIGKILL)

    other = multiprocessing.get_context("fork").Process(target=claim)
    other.start()
    other.join()
    assert len(list((tmp_path / "claims").iterdir())) == 1
    assert ShardCache(tmp_path, 1).claims.standing() == {}
    assert not list((tmp_path / "claims").iterdir())


def held(cache: ShardCache, server: Server, number: int, patient: bool = False) -> Path:
    name = f"{number}.tar"
    make = lambda part: fetch(f"{server.url}/{name}", part, SIZE, None, 5)  # noqa: E731
    return cache.path(name, SIZE, make, patient)


def every(root: Path, server_url: str) -> None:
    cache = ShardCache(root, None)
    for number in range(12):
        name = f"{number}.tar"
        place = f"{server_url}/{name}"
        path = cache.path(name, SIZE, lambda part, place=place: fetch(place, part, SIZE, None, 5))
        assert path.read_bytes() == bytes([number]) * SIZE


def test_several_processes_fetch_a_shard_once(server: Server, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=every, args=(tmp_path / "cache", server.url)) for _ in range(3)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0, 0]
    assert set(server.asked.values()) == {1}


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    import socket

    root = tmp_path / "cache"
    root.mkdir()
    dead = root / f"x.tar.{socket.gethostname()}.999999.1.room9.part"
    alive = root / f"x.tar.{socket.gethostname()}.{os.getpid()}.1.room9.0.part"
    for part in (dead, alive):
        part.write_bytes(b"half")
    ShardCache(root, None)
    assert not dead.exists()
    assert alive.exists()


def test_who_waits_for_a_shard_that_cannot_be_had_is_told_with_who_asked_for_it(
    tmp_path: Path,
) -> None:
    cache, asked, told = ShardCache(tmp_path / "cache", None), list[int](), list[str]()
    trying = threading.Event()

    def make(part: Path) -> None:
        asked.append(1)
        trying.set()
        time.sleep(0.5)  # the time-out
        raise Unreachable("its server is gone")

    def ask() -> None:
        with pytest.raises(Unreachable) as caught:
            cache.path("0.tar", SIZE, make)
        told.append(str(caught.value))

    waiting = [threading.Thread(target=ask) for _ in range(4)]
    waiting[0].start()
    trying.wait()
    for one in waiting[1:]:
        one.start()
    for one in waiting:
        one.join()
    assert told == ["its server is gone"] * 4
    assert len(asked) == 1
    ask()  # who comes later finds out for himself
    assert len(asked) == 2
    assert cache.path("0.tar", SIZE, Path.touch).exists()
    assert not list(cache.root.glob("locks/*.lost"))


def test_who_waits_is_told_though_another_who_came_later_tries_anew(tmp_path: Path) -> None:
    cache, told = ShardCache(tmp_path / "cache", None), list[str]()

    def make(part: Path) -> None:
        time.sleep(0.3)  # the other waits by then
        raise Unreachable("gone")

    def wait() -> None:
        with pytest.raises(Unreachable, match="gone"):
            cache.path("0.tar", SIZE, make)
        told.append("gone")

    waiting = [threading.Thread(target=wait) for _ in range(2)]
    for one in waiting:
        one.start()
        time.sleep(0.1)
    later = FileLock(next((cache.root / "locks").iterdir()))
    with later.acquire(poll_interval=0.001):  # before the one that waits looks again
        waiting[1].join(3)
        assert told == ["gone", "gone"]
