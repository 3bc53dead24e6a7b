"""What recipes learn: a table of twins trained on built-in data and small recipes on real data.

`python -m tests.benchmarks.learning [NAME ...]` prints score, bar and CPU minutes of one thread;
real data are expected in ../shared/data (ZOO_SHARED_DATA elsewhere). Scores are the last weights',
never chosen on test.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("ZOO_SHARED_DATA", ROOT.parent / "shared" / "data"))


@dataclass(frozen=True)
class Bar:
    """A recipe, the split and score that count, and the bar: at least, or with `most` at most."""

    recipe: str
    split: str
    score: str
    bar: float
    most: bool = False
    data: str | None = None

    def words(self, folder: Path) -> list[str]:
        """The words of `zoo train`."""
        own = ["--tiny"] if self.data is None else [f"data.folder={SHARED / self.data}"]
        return [self.recipe, *own, f"run.folder={folder}", "run.report_to=[]", "data.workers=0"]

    def holds(self, value: float) -> bool:
        """Whether a score is good enough."""
        return value <= self.bar if self.most else value >= self.bar


BARS = {
    "shakespeare": Bar("llama-mini-shakespeare", "valid", "loss", 1.60, True, "lm_tinyshakespeare"),
    "banking77": Bar("bert-mini-banking77", "test", "accuracy", 0.85, data="cls_banking77"),
    "signdigits-resnet": Bar(
        "resnet-mini-signdigits", "test", "top_1", 0.95, data="img_signdigits"
    ),
    "signdigits-vit": Bar("vit-mini-signdigits", "test", "top_1", 0.60, data="img_signdigits"),
    "fsdd": Bar("conformer-mini-fsdd", "test", "exact", 0.95, data="asr_fsdd"),
    "morse": Bar("conformer-ctc-small-librispeech", "test", "wer", 0.20, True),
    "numbers-t5": Bar("t5-small-xsum", "test", "exact", 0.95),
    "numbers-bart": Bar("bart-large-xsum", "test", "exact", 0.95),
    "morse-whisper": Bar("whisper-small-common-voice-hi-finetune", "test", "wer", 0.20, True),
    "digits-resnet": Bar("resnet50-imagenet", "test", "top_1", 0.98),
    "digits-vit": Bar("vit-base-imagenet", "test", "top_1", 0.95),
    "shapes-masks": Bar("segformer-b0-ade20k", "test", "miou", 0.90),
    "keywords": Bar("bert-base-mnli-finetune", "test", "accuracy", 0.72),
    "tokens": Bar("bert-base-cased-conll2003", "test", "entity_f1", 0.93),
    "constants": Bar("bert-base-squad", "test", "exact", 0.70),
    "preferences": Bar("tinyllama-ultrafeedback-dpo", "test", "reward_accuracy", 0.80),
    "text": Bar("gpt2-small-openwebtext", "valid", "bits_per_byte", 2.4, True),
    "chats": Bar("tinyllama-ultrachat-sft", "valid", "loss", 1.80, True),
    "masked": Bar("bert-base-wikipedia", "valid", "bits_per_token", 0.85 * 8.56, True),
}


def zoo(*words: str) -> str:
    """Runs the command line and returns what it printed."""
    argv = [sys.executable, "-m", "zoo", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return done.stdout


def cpu_minutes() -> float:
    """CPU minutes of all finished children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def measure(name: str, bar: Bar) -> str:
    """Trains, scores, and returns one line of the table."""
    with TemporaryDirectory() as root:
        before = cpu_minutes()
        zoo("train", *bar.words(Path(root) / "run"))
        minutes = cpu_minutes() - before
        scores = json.loads(zoo("eval", str(Path(root) / "run"), "--split", bar.split, "--json"))
    value = scores[f"{bar.split}/{bar.score}"]
    sign = "<=" if bar.most else ">="
    verdict = "yes" if bar.holds(value) else "NO"
    wanted = f"{bar.split}/{bar.score} {sign} {bar.bar:.4g}"
    return f"| {name} | {bar.recipe} | {wanted} | {value:.4f} | {verdict} | {minutes:.1f} |"


def main() -> None:
    """Prints the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[*BARS])
    words = parser.parse_args()
    print("| data | recipe | bar | score | held | CPU minutes |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in words.names:
        print(measure(name, BARS[name]), flush=True)


if __name__ == "__main__":
    main()
