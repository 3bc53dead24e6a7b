"""While a model is loaded no rank holds more than its share of it and the largest layer."""

import re
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config

from tests.ranks import run_ranks
from tests.runs import CATALOG
from zoo.layout import Place
from zoo.recipe import load_recipe

PATH = CATALOG / "nlp" / "gpt2-small-openwebtext.json"
WIDE = {"n_embd": 1024, "n_layer": 20, "n_head": 16, "vocab_size": 256, "n_positions": 128}
LAYER = 12 * WIDE["n_embd"] ** 2 * 4  # bytes of the largest layer, fp32
WHOLE = WIDE["n_layer"] * LAYER  # bytes of the model, less embeddings and vectors: 1.0 GB
SLACK = 16 << 20  # interpreter, process groups, allocator
RANKS = 4


def anonymous() -> int:
    """Bytes of this process that no file stands behind."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) << 10


class Peak(threading.Thread):
    """The largest anonymous memory while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.done = anonymous(), threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.002):
            self.most = max(self.most, anonymous())


def growth(words: list[str]) -> tuple[int, int]:
    """Bytes by which this rank grows at most while it fills the model, and what it has then."""
    from zoo.engines.build import fill_model
    from zoo.engines.groups import Groups
    from zoo.engines.transforms import CUTS, Draft, applied
    from zoo.engines.upstream import quiet_deepspeed
    from zoo.recipe.derived.deepspeed import deepspeed_config
    from zoo.training.checks import ring_two
    from zoo.training.world import world

    place = Place.from_environment()
    recipe = load_recipe(PATH, words, tiny=True)
    checked = ring_two(recipe, place.world)
    with world(place) as here:
        import deepspeed

        quiet_deepspeed()
        deepspeed.init_distributed(auto_mpi_discovery=False, verbose=False)
        groups = Groups.of(checked.layout, place.rank)
        config = deepspeed_config(recipe, checked.layout)
        torch.distributed.barrier()
        before, peak = anonymous(), Peak()
        peak.start()
        draft = applied(Draft(checked.model, recipe, groups, None, here.device), CUTS)
        fill_model(draft, checked.weights, config)
        after = anonymous()
        peak.done.set()
        peak.join()
        return peak.most - before, after - before


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 1 GB that plain transformers wrote."""
    with TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        AutoModelForCausalLM.from_config(GPT2Config(**WIDE)).save_pretrained(folder)
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.ranks(RANKS)
@pytest.mark.parametrize("weights", ["random", "pretrained"])
@pytest.mark.parametrize("how", ["pipeline.stages=4", "zero.stage=3"])
def test_no_rank_holds_more_than_its_share_and_a_layer(
    weights: str, how: str, request: pytest.FixtureRequest
) -> None:
    words = [f"model.config.{key}={value}" for key, value in WIDE.items()]
    words += ["run.batch=4", "run.micro_batch=1", "task.sequence_length=64"]
    words += ["parallel.zero.stage=0", f"parallel.{how}"]
    if weights == "pretrained":
        words += [f"model.weights={request.getfixturevalue('pretrained')}"]
    for rank, (most, kept) in enumerate(run_ranks(RANKS, growth, words)):
        print(f"{how} {weights} rank {rank}: at most {most >> 20} MiB, then {kept >> 20} MiB")
        assert kept > WHOLE / RANKS * 0.8, "this rank did not load its share"
        assert most < WHOLE / RANKS + LAYER + SLACK
