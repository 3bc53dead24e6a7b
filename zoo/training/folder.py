"""A run's folder: recipe.json, status.json, metrics, checkpoints, the exported model."""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from zoo.errors import ConfigError, Fault, ResumeError
from zoo.recipe import Recipe, expanded, load_recipe, origin
from zoo.recipe.changes import changes_of
from zoo.recipe.compose.catalog import ORIGIN, RECIPE, is_run
from zoo.recipe.derived.resume import changes
from zoo.recipe.derived.run_folder import run_folder
from zoo.recipe.provenance import TYPED, Made
from zoo.recipe.spec.sections import TRUST
from zoo.tasks.text.kept import TOKENIZER
from zoo.training.disk.kept import CHECKPOINTS, name_of
from zoo.training.disk.lease import Lease
from zoo.training.disk.writing import put_in_place, told_in_a_line, write_json, write_text
from zoo.training.logs.metrics import METRICS, SUPERSEDED, row_of

FOREIGN = frozenset({"lost+found"})
"""What lies in a folder that is as good as empty."""


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run; only rank 0 writes. `lease` is that of its process group."""

    root: Path
    lease: Lease | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> "RunFolder":
        """`run.folder`, or `runs/<recipe>` in the working directory.

        Raises ConfigError where something else lies there, which a run must not write into.
        """
        root = run_folder(recipe)
        # Rank 0 may make the folder while another rank looks: whether it is there is asked before
        # what it is, and whether it is a run after its names were read.
        if (root.exists() or root.is_symlink()) and not root.is_dir():
            found, allowed = f"{root}, which is no folder", "a folder, or a name that is free"
        elif root.is_dir() and _names(root) - FOREIGN and not is_run(root):
            found = f"{root}, which holds other things than a run"
            allowed = "a run's folder, an empty one, or one that does not exist"
        else:
            return cls(root)
        raise ConfigError([Fault(origin(recipe, "run.folder"), "run.folder", found, allowed)])

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self.root / CHECKPOINTS / name_of(step)

    def refuse_if_lost(self) -> None:
        """Raises ResumeError where another run has taken the folder over, and nothing is written
        any more.
        """
        if self.lease is not None and not self.lease.held:
            raise ResumeError(f"{self.root} was taken over by another run; this one is not saved")

    def compare(self, recipe: Recipe) -> list[str]:
        """What a recipe changes in the folder's run: the reported keys, a line each.

        Raises ResumeError, naming both values of each, if a changed key alters the mathematics.
        """
        path = self.root / RECIPE
        if not path.exists():
            return []
        old = json.loads(path.read_text(encoding="utf-8"))
        found = changes(old, expanded(recipe))
        if found.refused:
            lines = [
                f"{one.key}: the run has {one.old!r}, the recipe {one.new!r}"
                for one in found.refused
            ]
            raise ResumeError(
                f"{self.root} cannot be resumed with this recipe (--fresh starts over beside it):\n"
                + "\n".join(lines)
            )
        return [f"{one.key}: {one.old!r} becomes {one.new!r}" for one in found.reported]

    def write_recipe(self, recipe: Recipe, parameters: int) -> None:
        """Writes the fully expanded recipe, with this folder, and reads it back to prove it.

        Where it says how many parameters the model has, that becomes what this one has.
        """
        run = recipe.run.model_copy(update={"folder": str(self.root)})
        counted = {"parameters": parameters} if recipe.model.parameters is not None else {}
        model = recipe.model.model_copy(update=counted)
        written = expanded(recipe.model_copy(update={"run": run, "model": model}))
        with told_in_a_line(self.root):
            write_json(self.root / RECIPE, written)
        trusted = [f"{TRUST}=true"] if recipe.model.trust_remote_code else []
        assert expanded(load_recipe(self.root / RECIPE, first=trusted)) == written

    def write_origin(self, recipe: Recipe, labels: tuple[str, ...] | None, parameters: int) -> None:
        """Writes the recipe, and beside it what it was made from and the class names in id order.

        A run that goes on from its own recipe adds its changes to those of before.
        """
        made = recipe.provenance.made
        before = self.made() if made.of_run else replace(made, words=())
        by_key = {word.partition("=")[0]: word for word in (*before.words, *made.words)}
        by_key.pop("run.folder", None)
        changes = self.changes(recipe)
        self.write_recipe(recipe, parameters)
        values = asdict(replace(before, words=tuple(by_key.values()), of_run=False))
        values |= {"labels": labels, "origins": self.origins(recipe), "changes": changes}
        with told_in_a_line(self.root):
            write_json(self.root / ORIGIN, values)

    def origins(self, recipe: Recipe) -> dict[str, str]:
        """Where each value that is no default came from, by dotted key; of a run that goes on from
        its own recipe as it was said before, but for what was typed.
        """
        found = {".".join(key): text for key, text in recipe.provenance.origins.items()}
        if not recipe.provenance.made.of_run:
            return found
        typed = {key: text for key, text in found.items() if text.startswith(TYPED)}
        before: dict[str, str] = self.origin().get("origins", {})
        return before | typed

    def changes(self, recipe: Recipe) -> dict[str, dict[str, Any]]:
        """By dotted key what was changed of the recipe's file: what it said, and who changed it; of
        a run that goes on from its own recipe still of the file that it was made from.
        """
        found = {key: {"was": one.was, "by": one.by} for key, one in changes_of(recipe).items()}
        if not recipe.provenance.made.of_run:
            return found
        before: dict[str, dict[str, Any]] = self.origin().get("changes", {})
        again = {
            key: one | {"was": before[key]["was"]} for key, one in found.items() if key in before
        }
        return before | found | again

    def keep_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Writes the tokenizer that was made for the run."""
        part = self.root / f".{TOKENIZER}.part"
        with told_in_a_line(self.root):
            shutil.rmtree(part, ignore_errors=True)
            tokenizer.save_pretrained(part)
            put_in_place(part, self.root / TOKENIZER)

    def made(self) -> Made:
        """What the run was made from; of an older version's only the name is known."""
        known = self.origin()
        words = tuple(known.get("words", ()))
        return Made(known.get("recipe", self.root.name), known.get("twin", False), words)

    def origin(self) -> dict[str, Any]:
        """What origin.json says; empty where there is none."""
        path = self.root / ORIGIN
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return found

    def cut_metrics(self, step: int, evaluated: int) -> None:
        """Moves what a run does again to metrics-superseded.jsonl: rows beyond `step`, scores
        beyond `evaluated`, and a torn last line.
        """
        path = self.root / METRICS
        if not path.exists():
            return
        kept: list[str] = []
        gone: list[str] = []
        for line in path.read_text(encoding="utf-8").splitlines():
            at, scores = row_of(line)
            (kept if at <= (evaluated if scores else step) else gone).append(line + "\n")
        if gone:
            with (self.root / SUPERSEDED).open("a", encoding="utf-8") as file:
                file.writelines(gone)
            write_text(path, "".join(kept))


def _names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {path.name for path in folder.iterdir()}
