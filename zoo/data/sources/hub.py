"""Source `hub`: a dataset of the Hugging Face hub, or a folder laid out like one."""

from pathlib import Path

import datasets

from zoo.data.faults import Faults
from zoo.data.rows import digest
from zoo.data.sources.opened import Opened
from zoo.data.sources.table import Table
from zoo.recipe.spec.data import HubData


class HubReader:
    """Opens splits of one dataset, which is fetched and built once, on the first of them."""

    def __init__(self, data: HubData, root: Path, labelled: bool, faults: Faults) -> None:
        self.data, self.root, self.labelled, self.faults = data, root, labelled, faults
        self.splits: datasets.DatasetDict | None = None
        self.tried = False

    def read(self, key: str, entry: str) -> Opened | None:
        if not self.tried:
            self.tried, self.splits = True, self._load()
        if self.splits is None:
            return None
        if entry not in self.splits:
            self.faults.add(key, entry, "one of", list(self.splits))
            return None
        dataset = self.splits[entry]
        # The last folders of the Arrow files' names hold configuration, version and content hash.
        built = [Path(file["filename"]).parts[-4:] for file in dataset.cache_files]
        content = digest(self.data.name, self.data.subset, built, len(dataset))
        table = Table(dataset, Path(self.data.name), content, self.root, self.labelled)
        return table.part(self.data.columns, self.faults)

    def _load(self) -> datasets.DatasetDict | None:
        data = self.data
        name = str(Path(data.name).expanduser()) if data.name.startswith("~") else data.name
        try:
            cache = str(self.root / "datasets") if data.cache else None
            return datasets.load_dataset(name, data.subset, revision=data.revision, cache_dir=cache)
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
            reason = " ".join(str(error).split())[:300]
            key = "subset" if "BuilderConfig" in reason or "Config name" in reason else "name"
            found = f"{data.name if key == 'name' else data.subset} ({reason})"
            self.faults.add(key, found, "a dataset that the hub, the cache or the disk has")
            return None
