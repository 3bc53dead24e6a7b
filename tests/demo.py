"""`make demo`: trains a recipe on built-in data with two processes and says what came of it."""

import json
import subprocess
import sys
from pathlib import Path

RECIPE = "resnet50-imagenet"
FOLDER = Path("runs") / "demo"
CHANGES = [f"run.folder={FOLDER}", "run.steps=400", "run.eval_every=200", "run.log_every=50"]


def main() -> int:
    """Returns the exit code of the run."""
    zoo = str(Path(sys.executable).with_name("zoo"))
    words = [zoo, "launch", RECIPE, "--tiny", "--with", "torchrun", "--per-node", "2", *CHANGES]
    print("$", " ".join(["zoo", *words[1:]]), flush=True)
    code = subprocess.run(words, check=False).returncode
    if code:
        return code
    rows = [json.loads(line) for line in (FOLDER / "metrics.jsonl").read_text().splitlines()]
    scores = next(row for row in reversed(rows) if "valid/top_1" in row)
    share = scores["valid/top_1"]
    print(f"\n{share:.1%} of handwritten digits it had not seen are named right.")
    print(f"The model lies in {FOLDER / 'model'} (AutoModelForImageClassification loads it).\n")
    print("What to try next:")
    print(f"  zoo eval {FOLDER} --split test                 score it on the test set")
    print("  zoo list                                      see the catalog")
    print(f"  zoo launch {RECIPE} --tiny --per-node 2 parallel=zero-3 run.folder=runs/other")
    print("  zoo explain resnet50-imagenet optimizer.params.lr")
    return 0


if __name__ == "__main__":
    sys.exit(main())
