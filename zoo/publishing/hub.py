"""Uploads an exported folder to the Hugging Face hub, under the user's own token."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, get_token, metadata_load
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HFValidationError,
    HTTPError,  # of its HTTP library, whichever that is
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from zoo.errors import ConfigError, Fault
from zoo.recipe.compose.catalog import ORIGIN
from zoo.training.described import CARD, SOURCE

WEIGHTS = ["*.safetensors", "*.safetensors.index.json", "onnx/*"]
"""What an upload takes away of an earlier one where it has no such file any more."""


@dataclass(frozen=True)
class Push:
    """What the user asks for: `--push NAME` and the options beside it."""

    name: str
    public: bool = False
    twin_too: bool = False
    dry_run: bool = False


def refused(push: Push, folder: Path) -> None:
    """Raises ConfigError with everything that the upload of a run's or an exported folder lacks,
    before anything is exported or sent. The user's other settings are huggingface_hub's own.
    """
    faults: list[Fault] = []

    def refuse(key: str, found: str, allowed: str, nearest: str = "") -> None:
        faults.append(Fault("command line", key, found, allowed, nearest))

    try:
        validate_repo_id(push.name)
    except HFValidationError:
        refuse("--push", push.name, "a repository of the hub: NAME, or USER/NAME")
    if is_twin(folder) and not push.twin_too:
        refuse(
            "--push", f"a toy, the twin of a recipe, in {folder}", "--twin-too says that you know"
        )
    if not push.dry_run:
        if constants.HF_HUB_OFFLINE:
            refuse("--push", "HF_HUB_OFFLINE", "a connection, or --dry-run", "--dry-run")
        elif get_token() is None:
            allowed = "a token that may write: hf auth login, or HF_TOKEN in the environment"
            refuse("--push", "no token of the hub", f"{allowed}; or --dry-run", "--dry-run")
    if faults:
        raise ConfigError(faults)


def is_twin(folder: Path) -> bool:
    """Whether a run's or an exported folder is of a twin."""
    origin, card = folder / ORIGIN, folder / CARD
    if origin.is_file():
        return bool(json.loads(origin.read_text(encoding="utf-8")).get("twin"))
    head = metadata_load(card) if card.is_file() else None
    return "twin" in ((head or {}).get("tags") or ())


def files_of(model: Path) -> dict[str, Path]:
    """What is uploaded of an exported folder, by its name there; not what is only of use here."""
    paths = sorted(path for path in model.rglob("*") if path.is_file())
    names = {path.relative_to(model).as_posix(): path for path in paths}
    return {
        name: path
        for name, path in names.items()
        if name != SOURCE and not any(part.startswith(".") for part in name.split("/"))
    }


def pushed(push: Push, model: Path) -> Iterator[str]:
    """Uploads an exported folder, and says each step in a line; a dry run only says.

    What was uploaded before, even by an upload that was cut off, is not sent again. Raises
    ConfigError where the hub refuses, and where the repository is public without `--public`.
    """
    files = files_of(model)
    total = sum(path.stat().st_size for path in files.values())
    kind = "public" if push.public else "private"
    would = "would go" if push.dry_run else "go"
    where = f"{push.name} ({kind}) on {constants.ENDPOINT}"
    yield f"{len(files)} files, {size(total)}, {would} to {where}"
    yield from (f"  {size(path.stat().st_size):>9}  {name}" for name, path in files.items())
    if push.dry_run:
        return
    with told_as_faults(push):
        api = HfApi()
        refuse_public(push, api)
        repo = api.create_repo(push.name, private=not push.public, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="zoo-push-") as place:
            stage(files, Path(place), repo.repo_id)
            api.upload_folder(
                repo_id=repo.repo_id,
                folder_path=place,
                commit_message="Upload from the zoo",
                delete_patterns=WEIGHTS,
            )
    yield f"the model lies in {repo}"


def refuse_public(push: Push, api: HfApi) -> None:
    """Raises ConfigError where the repository is there and public, and nobody said that it may."""
    if push.public:
        return
    try:
        private = api.repo_info(push.name).private
    except RepositoryNotFoundError:
        return
    if not private:
        found, allowed = f"{push.name}, which is public", "--public says that you know"
        raise ConfigError([Fault("command line", "--push", found, allowed, "--public")])


def stage(files: dict[str, Path], place: Path, name: str) -> None:
    """Lays links to the files in a folder; the card, whose snippet names the repository, is written
    anew.
    """
    for inner, path in files.items():
        link = place / inner
        link.parent.mkdir(parents=True, exist_ok=True)
        if inner == CARD:
            link.write_text(named(path.read_text(encoding="utf-8"), name), encoding="utf-8")
        else:
            link.symlink_to(path.absolute())


def named(card: str, name: str) -> str:
    """A card whose first block of code takes the model from the hub."""
    before, mark, rest = card.partition("```python\n")
    code, end, after = rest.partition("\n```\n")
    return before + mark + code.replace('"."', f'"{name}"') + end + after


def size(count: int) -> str:
    """Bytes in the unit that reads best, as the hub counts them: thousands."""
    units = ("B", "kB", "MB", "GB")
    power = min(len(units) - 1, (len(str(count)) - 1) // 3)
    return f"{count / 1000**power:.4g} {units[power]}"


@contextmanager
def told_as_faults(push: Push) -> Iterator[None]:
    """Turns what the hub or the way to it refuses into a ConfigError, in the hub's words."""
    try:
        yield
    except (HTTPError, OSError) as error:
        words = getattr(error, "server_message", None) or str(error) or type(error).__name__
        found = f"{push.name}, which {constants.ENDPOINT} does not take: {' '.join(words.split())}"
        allowed = "a repository that the token may write, and a hub in reach"
        raise ConfigError([Fault("command line", "--push", found, allowed)]) from None
