"""Format `megatron`: a prefix, or every .idx in a folder, with the .bin beside each."""

from pathlib import Path

from zoo.data.faults import Faults
from zoo.data.sources.opened import Opened
from zoo.data.tokens.documents import TokenDocuments
from zoo.data.tokens.indexed import UnreadableTokens, beside
from zoo.recipe.instead import built_in_data


def megatron(folder: Path, key: str, entry: str, faults: Faults) -> Opened | None:
    """The documents of the pairs that `entry` names under the folder; None after a fault."""
    places = [folder / entry] if beside(folder / entry, ".idx").is_file() else []
    matches = [] if places or Path(entry).is_absolute() else sorted(folder.glob(entry))
    for match in matches:
        inside = sorted(match.rglob("*.idx")) if match.is_dir() else [match]
        places += [path.with_suffix("") for path in inside if path.suffix == ".idx"]
    if not places:
        allowed = f"a prefix of .idx and .bin in {folder}, or a folder of them"
        faults.add(key, entry, allowed, way=built_in_data(faults.recipe))
        return None
    try:
        return Opened(TokenDocuments(places))
    except UnreadableTokens as error:
        allowed = "pairs of .idx and .bin as Megatron-LM writes them"
        faults.add(key, str(error), allowed, way=built_in_data(faults.recipe))
        return None
