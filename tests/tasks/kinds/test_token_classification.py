import json

import numpy as np
import pytest
import torch
from seqeval import metrics
from transformers import AutoTokenizer, GPT2Tokenizer, RobertaTokenizer

from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.task import IGNORE
from zoo.tasks.text.vocabulary import ENCODER, trained_tokenizer

KIND = "token-classification"
TAGS = ("B-THING", "I-THING", "O")
ROW = {"tokens": ["ab", "c", "def"], "tags": [0, 1, 2]}


def test_a_word_is_a_target_at_its_first_token(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND), make_source(KIND))
    batch = make_batch(task, [ROW], 1)
    tokens = task.tokenizer.convert_ids_to_tokens(batch["inputs"]["input_ids"][0])
    assert tokens == ["[CLS]", *"ĠabĠcĠdef", "[SEP]"]
    targets = {1: 0, 4: 1, 6: 2}
    assert batch["labels"]["labels"][0].tolist() == [targets.get(n, IGNORE) for n in range(11)]
    assert batch["count"] == 3


def test_words_that_are_cut_away_are_scored_as_outside(make_recipe, make_source, make_batch):
    task = build_task(make_recipe(KIND, {"sequence_length": 6}), make_source(KIND))
    batch = make_batch(task, [ROW], 1)
    assert batch["inputs"]["input_ids"].shape == (1, 6)
    assert batch["lost"] == {"truncated": 1.0}
    assert batch["labels"]["places"].tolist() == [[1, 4, -1]]
    logits = torch.zeros(1, 6, 3)
    logits[..., 0] = 1.0  # B-THING everywhere
    tally = task.tally({"logits": logits}, batch)
    assert (tally["words"], tally["right"], tally["count"]) == (3, 2, 2)
    assert tally["entities"].tolist() == [[0, 2, 1]]


def test_scores_of_ranks_with_padding_are_seqevals(make_recipe, make_source, make_batch):
    names = ("B-A", "B-B", "I-A", "I-B", "O")
    rng = np.random.default_rng(0)
    rows = [
        {"tokens": ["x"] * size, "tags": rng.choice(5, size, p=[0.2, 0.1, 0.3, 0.1, 0.3]).tolist()}
        for size in rng.integers(1, 9, 26)
    ]
    source = make_source(KIND, rows)
    object.__setattr__(source, "labels", names)
    task = build_task(make_recipe(KIND, {"scheme": "iob1", "sequence_length": 15}), source)
    totals, found, wanted = {}, [], []
    for rank in range(2):  # micro-batches of 4, the last ones padded with the last row
        for start in range(4 * rank, 32, 8):
            own = [rows[min(n, 25)] for n in range(start, start + 4)]
            batch = make_batch(task, own, 4, padding=min(4, max(0, start + 4 - 26)))
            logits = torch.tensor(rng.standard_normal((*batch["inputs"]["input_ids"].shape, 5)))
            for name, value in task.tally({"logits": logits}, batch).items():
                totals[name] = totals.get(name, 0) + value
            for row in range(min(4, max(0, 26 - start))):
                tags, places = batch["labels"]["tags"][row], batch["labels"]["places"][row]
                own = zip(tags[tags != IGNORE], places[tags != IGNORE], strict=True)
                pairs = [(int(tag), int(place)) for tag, place in own]
                wanted.append([names[tag] for tag, _ in pairs])
                chosen = logits[row].argmax(-1)
                found.append([names[chosen[at]] if at >= 0 else "O" for _, at in pairs])
    assert len(found) == 26
    scores = task.score(totals)
    both = {"y_true": wanted, "y_pred": found}
    assert scores["entity_f1"] == pytest.approx(metrics.f1_score(**both), abs=1e-12)
    assert scores["precision"] == pytest.approx(metrics.precision_score(**both), abs=1e-12)
    assert scores["recall"] == pytest.approx(metrics.recall_score(**both), abs=1e-12)
    assert scores["macro_f1"] == pytest.approx(metrics.f1_score(**both, average="macro"))
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(wanted, found), abs=1e-12)


@pytest.mark.parametrize("family", [RobertaTokenizer, GPT2Tokenizer, None])
def test_words_have_the_space_that_they_have_in_a_text(
    family, make_recipe, make_source, make_batch, tmp_path
):
    words = ["the", "quick", "fox"]
    made = trained_tokenizer("bpe", [" " + " ".join(words)] * 9, 300, False, ENCODER)
    if family is not None:
        merges = json.loads(made.backend_tokenizer.to_str())["model"]["merges"]
        vocabulary = made.get_vocab() | {"<s>": 300, "</s>": 301, "<pad>": 302}
        made = family(vocab=vocabulary, merges=[tuple(pair) for pair in merges])
        made.pad_token = "<pad>"
    made.save_pretrained(tmp_path / "brought")
    recipe = make_recipe(KIND, tokenizer=str(tmp_path / "brought"))
    task = build_task(recipe, make_source(KIND))
    batch = make_batch(task, [{"tokens": words, "tags": [0, 1, 2]}], 1)
    task.save(tmp_path / "saved")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "saved")
    apart = theirs(words, is_split_into_words=True).input_ids
    assert batch["inputs"]["input_ids"][0].tolist() == apart == theirs(" ".join(words)).input_ids
    assert sum(label != IGNORE for label in batch["labels"]["labels"][0].tolist()) == 3
    assert "Ġthe" in theirs.convert_ids_to_tokens(apart)


def faults(recipe, source):
    with pytest.raises(ConfigError) as caught:
        build_task(recipe, source)
    return {fault.key: str(fault) for fault in caught.value.faults}


def test_a_tokenizer_without_words_is_a_fault(make_recipe, make_source):
    found = faults(make_recipe(KIND, tokenizer="characters"), make_source(KIND))
    assert "other tokens of words apart" in found["model.tokenizer"]


def test_tags_of_two_schemes_are_a_fault_unless_one_is_named(make_recipe, make_source):
    rows = [{"tokens": ["a", "b"], "tags": tags} for tags in ([0, 1], [2, 1])]
    found = faults(make_recipe(KIND), make_source(KIND, rows))
    assert "two schemes" in found["task.scheme"]
    task = build_task(make_recipe(KIND, {"scheme": "iob2"}), make_source(KIND, rows))
    assert task.notes == ["tags of words are read as iob2"]


def test_tags_that_are_named_as_another_scheme_are_a_fault(make_recipe, make_source):
    source = make_source(KIND)
    object.__setattr__(source, "labels", ("NN", "O", "DT"))
    assert (
        "NN, DT in iobes" in faults(make_recipe(KIND, {"scheme": "iobes"}), source)["task.scheme"]
    )
    object.__setattr__(source, "labels", ("0", "1", "2"))
    assert "numbers, 0 to 2" in faults(make_recipe(KIND), source)["data.labels"]


def test_tag_names_stand_in_the_configuration(make_recipe, make_source):
    config = build_task(make_recipe(KIND), make_source(KIND)).config
    assert config.id2label == dict(enumerate(TAGS))
