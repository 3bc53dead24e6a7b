"""Who may write into a run's folder: one process, for its group, also across hosts and crashes.

`.lease/<number>.json` are never deleted, only outbid: whoever creates the next number (O_EXCL,
exclusive on NFS from version 3 on) holds the folder. A holder touches its file; of a process of
this machine its pid tells, of another's the file's age by the file server's clock. No torch here.
"""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from zoo.errors import ResumeError
from zoo.recipe.compose.catalog import LEASES
from zoo.training.disk.writing import write_json

BEAT = 2.0
"""Seconds between two touches."""
STALE = 30.0
"""Seconds without one after which a holder on another machine counts as dead."""
_LOOK = 0.5


@dataclass(frozen=True)
class Holder:
    """A process: where it runs, how it is told from a later one of the same number."""

    host: str = ""
    boot: str = ""
    space: str = ""
    """The pid namespace: containers of one machine do not see each other's processes."""
    pid: int = 0
    begun: str = ""
    """When it started, in clock ticks since the boot."""
    job: str = ""
    folder: int = 0
    """The inode of the leases: in a copy of a run's folder it is another."""
    token: str = ""
    released: bool = False

    @classmethod
    def here(cls, root: Path) -> "Holder":
        """This process."""
        pid, job = os.getpid(), os.environ.get("SLURM_JOB_ID", "")
        place = (socket.gethostname(), *_machine())
        return cls(*place, pid, _begun(pid) or "", job, _inode(root), uuid4().hex)

    def __str__(self) -> str:
        job = f" of job {self.job}" if self.job else ""
        return f"process {self.pid}{job} on {self.host or 'a host that it does not tell'}"


class Lease:
    """The right to write into a folder, from `take` until `release` or until it is outbid."""

    def __init__(self, root: Path, number: int, holder: Holder) -> None:
        self.root, self.number, self.holder = root, number, holder

    @property
    def path(self) -> Path:
        """The file that is touched."""
        return _file(self.root, self.number)

    @property
    def held(self) -> bool:
        """Whether nobody has taken the folder over, as far as can be seen now."""
        return _newest(self.root) <= self.number

    def beat(self) -> None:
        """Says that the holder lives; what the file server cannot do now is done the next time."""
        with suppress(OSError):
            os.utime(self.path)

    def release(self) -> None:
        """Lets the next one take the folder at once."""
        with suppress(OSError):
            if self.held:
                write_json(self.path, asdict(self.holder) | {"released": True})


def take(root: Path) -> Lease:
    """The folder, which is made if it is not there; raises ResumeError naming who holds it.

    On this machine that is known at once, of another's living holder within 3 s; for a silent one
    the answer takes until STALE. Raises OSError where the folder cannot be written.
    """
    (root / LEASES).mkdir(parents=True, exist_ok=True)
    number, holder = refuse_if_held(root) + 1, Holder.here(root)
    try:
        with _file(root, number).open("x", encoding="utf-8") as file:
            json.dump(asdict(holder), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise ResumeError(_refusal(root, _read(_file(root, number)))) from None
    return Lease(root, number, holder)


def refuse_if_held(root: Path) -> int:
    """The number of the folder's newest lease (0: none), which may be outbid; changes nothing.

    Raises ResumeError where a living process holds it.
    """
    number = _newest(root)
    if number and (holder := _living(root, number)) is not None:
        raise ResumeError(_refusal(root, holder))
    return number


def token_of(path: Path) -> str:
    """By what a lease is told from every other; empty where none can be read."""
    return _read(path).token


def _refusal(root: Path, holder: Holder) -> str:
    return f"{root} is in use by {holder}: two runs cannot share a folder (run.folder=ANOTHER)"


def _newest(root: Path) -> int:
    """The highest number; 0 where there is none, or none can be seen."""
    try:
        stems = [path.stem for path in (root / LEASES).iterdir()]
    except OSError:
        return 0
    return max((int(stem) for stem in stems if stem.isdigit()), default=0)


def _file(root: Path, number: int) -> Path:
    return root / LEASES / f"{number:08d}.json"


def _read(path: Path) -> Holder:
    """What a lease says; nothing yet where it is just being written."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        known = {key: values[key] for key in Holder.__dataclass_fields__ if key in values}
    except (OSError, ValueError, TypeError):
        return Holder()
    return Holder(**known)


def _living(root: Path, number: int) -> Holder | None:
    """The holder of a lease, None if it has released it or is dead."""
    path = _file(root, number)
    holder = _read(path)
    if holder.released:
        return None
    lives = _process_lives(holder, root)
    if lives is None:
        try:
            lives = _shows_life(path, root)
        except OSError:
            lives = False  # it has just gone
        holder = _read(path)
    return holder if lives and not holder.released else None


def _process_lives(holder: Holder, root: Path) -> bool | None:
    """Whether a process of this machine still runs and holds this very folder; None where that
    cannot be seen from here.
    """
    if not holder.pid or not holder.boot or (holder.boot, holder.space) != _machine():
        return None
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's: it is there
    begun = _begun(holder.pid)
    return None if begun is None else begun == holder.begun and holder.folder == _inode(root)


def _shows_life(path: Path, root: Path) -> bool:
    """Whether a lease is touched while we look, which ends when it is older than STALE.

    One that was just being written says meanwhile whose it is, which may be known at once.
    """
    first, end = _touched(path), time.monotonic() + STALE
    while time.monotonic() < end and _age(path) < STALE:
        time.sleep(_LOOK)
        lives = _process_lives(_read(path), root)
        if lives is not None:
            return lives
        if _touched(path) != first:
            return True
    return False


def _touched(path: Path) -> int:
    """When a file was touched, in ns of the file server; opening it brings NFS up to date."""
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_mtime_ns


def _age(path: Path) -> float:
    """Seconds since a lease was touched, by the clock of whoever keeps the files; by this machine's
    where no file can be made there.
    """
    probe = path.with_name(f".{uuid4().hex}.now")
    try:
        probe.touch()
        now = _touched(probe)
        probe.unlink()
    except OSError:
        now = time.time_ns()
    return (now - _touched(path)) / 1e9


def _inode(root: Path) -> int:
    return (root / LEASES).stat().st_ino


def _machine() -> tuple[str, str]:
    """This boot of this machine and the pid namespace; empty where /proc does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return boot, str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return "", ""


def _begun(pid: int) -> str | None:
    """When a process started: field 22 of proc(5), after the name in brackets; "" for a dead one
    that nobody has waited for, None where it cannot be seen.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return "" if fields[0] in "ZX" else fields[19]
