"""Sequence to sequence: what the model reads and learns, what is lost, what is refused."""

import json
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, DataCollatorForSeq2Seq

from zoo.errors import ConfigError
from zoo.tasks.build import build_task
from zoo.tasks.task import IGNORE

KIND = "sequence-to-sequence"
BART = {
    "model_type": "bart",
    "d_model": 16,
    **{f"{side}_layers": 1 for side in ("encoder", "decoder")},
    **{f"{side}_attention_heads": 2 for side in ("encoder", "decoder")},
    **{f"{side}_ffn_dim": 16 for side in ("encoder", "decoder")},
    "max_position_embeddings": 20,
    "dropout": 0.0,
}
PEGASUS = {**BART, "model_type": "pegasus"}
START = {"t5": "pad", "bart": "eos", "pegasus": "pad"}


@pytest.fixture
def made(make_recipe: Any, make_source: Any) -> Any:
    """made(task keys, **model keys): a task and its rows."""

    def make(task: dict[str, Any] | None = None, rows: Any = None, **model: Any) -> Any:
        source = make_source(KIND, rows)
        return build_task(make_recipe(KIND, task, **model), source), source.train

    return make


def model_of(task: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForSeq2SeqLM.from_config(task.config).eval()


@pytest.mark.parametrize("config", [None, BART, PEGASUS], ids=["t5", "bart", "pegasus"])
def test_loss_and_logits_are_transformers_own_with_labels(
    made: Any, make_batch: Any, config: Any
) -> None:
    task, rows = made(**({"config": config} if config else {}))
    pad, end = task.tokenizer.pad_token_id, task.tokenizer.eos_token_id
    start = {"pad": pad, "eos": end}[START[task.config.model_type]]
    batch, model = make_batch(task, rows), model_of(task)
    own = model(**batch["inputs"])
    inputs = {k: v for k, v in batch["inputs"].items() if k != "decoder_input_ids"}
    theirs = model(**inputs, labels=batch["labels"]["labels"])
    assert (batch["inputs"]["decoder_input_ids"][:, 0] == start).all()
    assert torch.equal(own.logits, theirs.logits)
    mean = task.loss(own, batch) / batch["count"]
    torch.testing.assert_close(mean.float(), theirs.loss)


def test_a_batch_is_what_transformers_tokenizer_and_collator_make(
    made: Any, make_batch: Any
) -> None:
    task, rows = made({"prefix": "the: "})
    batch, tokenizer = make_batch(task, rows), task.tokenizer
    examples = [
        {
            **tokenizer(f"the: {rows[i]['source']}", truncation=True, max_length=16),
            "labels": tokenizer(text_target=rows[i]["target"])["input_ids"],
        }
        for i in range(4)
    ]
    theirs = DataCollatorForSeq2Seq(tokenizer)(examples)
    for name in ("input_ids", "attention_mask"):
        assert torch.equal(batch["inputs"][name], theirs[name]), name
    assert torch.equal(batch["labels"]["labels"], theirs["labels"])


def test_a_target_that_loses_its_end_is_counted_and_still_ends(made: Any, make_batch: Any) -> None:
    rows = [{"source": "fox", "target": target} for target in ("abcd" * 4, "abc", "abcdefghijk")]
    task, train = made({"target_length": 12}, rows)
    batch = make_batch(task, train, 3)
    assert batch["lost"] == {"truncated": 1.0}
    labels = batch["labels"]["labels"]
    assert labels.shape == (3, 12)
    assert labels[0, -1] == labels[2, -1] == task.tokenizer.eos_token_id
    assert labels[1, 4] == IGNORE and batch["count"] == 12 + 4 + 12


def test_smoothing_is_the_trainers(made: Any, make_batch: Any) -> None:
    from transformers.trainer_pt_utils import LabelSmoother

    task, rows = made({"label_smoothing": 0.1})
    batch = make_batch(task, rows)
    outputs = dict(model_of(task)(**batch["inputs"]))
    theirs = LabelSmoother(0.1)(outputs, batch["labels"]["labels"].clone())
    torch.testing.assert_close((task.loss(outputs, batch) / batch["count"]).float(), theirs)
    assert task.tally({**outputs, "sequences": batch["inputs"]["input_ids"]}, batch)["loss"] != (
        task.loss(outputs, batch)
    )


def test_what_is_written_is_scored_against_the_whole_target(made: Any, make_batch: Any) -> None:
    task, rows = made({"target_length": 4})  # shorter than every target
    batch = make_batch(task, rows)
    ids = task.tokenizer([rows[i]["target"] for i in range(4)], padding=True, return_tensors="pt")
    outputs = {**model_of(task)(**batch["inputs"]), "sequences": ids["input_ids"]}
    assert task.score(task.tally(outputs, batch))["exact"] == 1.0


def test_beams_go_into_evaluation_and_into_the_exported_folder(
    made: Any, make_batch: Any, tmp_path: Any
) -> None:
    words = {"num_beams": 3, "length_penalty": 2.0, "max_new_tokens": 5}
    task, rows = made({"generate": words})
    batch, model = make_batch(task, rows), model_of(task)
    found = task.predict(model, batch)["sequences"]
    plain = {k: batch["inputs"][k] for k in ("input_ids", "attention_mask")}
    assert torch.equal(found, model.generate(**plain, **words))
    task.save(tmp_path)
    written = json.loads((tmp_path / "generation_config.json").read_text())
    assert {key: written[key] for key in words} == words


def test_barts_forced_end_is_the_end_of_the_recipes_tokenizer(made: Any) -> None:
    task, _ = made(config=BART)
    assert task.generation.forced_eos_token_id == task.tokenizer.eos_token_id != 2


@pytest.mark.parametrize(
    "task, model, key",
    [
        ({"generate": {"length_penalty": 2.0}}, {}, "task.generate.length_penalty"),
        ({"source_length": 21}, {"config": BART}, "task.source_length"),
        ({"target_length": 21}, {"config": BART}, "task.target_length"),
        ({"generate": {"max_new_tokens": 21}}, {"config": BART}, "task.generate.max_new_tokens"),
        ({}, {"config": {**BART, "decoder_start_token_id": 77}}, "decoder_start_token_id"),
    ],
)
def test_what_cannot_be_is_a_fault_of_its_key(made: Any, task: Any, model: Any, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        made(task, **model)


def test_a_name_whose_tokenizer_writes_by_languages_is_refused(
    made: Any, tmp_path: Any, make_recipe: Any, make_source: Any
) -> None:
    task, _ = made(config=BART)
    AutoConfig.for_model(**{**BART, "model_type": "mbart"}).save_pretrained(tmp_path)
    task.tokenizer.save_pretrained(tmp_path)
    recipe = make_recipe(KIND, name=str(tmp_path), config={}, tokenizer=None)
    with pytest.raises(ConfigError, match=r"model\.name: found mbart, whose tokenizer"):
        build_task(recipe, make_source(KIND))


def test_a_name_keeps_the_ids_and_the_beams_that_it_comes_with(
    made: Any, tmp_path: Any, make_recipe: Any, make_source: Any
) -> None:
    task, _ = made(config=BART)
    config = AutoConfig.for_model(**{**BART, "decoder_start_token_id": 5, "forced_eos_token_id": 4})
    config.save_pretrained(tmp_path)
    task.tokenizer.save_pretrained(tmp_path)
    beams = {"num_beams": 4, "max_length": 9, "do_sample": True, "temperature": 0.5}
    (tmp_path / "generation_config.json").write_text(json.dumps(beams))
    recipe = make_recipe(KIND, name=str(tmp_path), config={}, tokenizer=None)
    named = build_task(recipe, make_source(KIND))
    assert named.config.decoder_start_token_id == 5
    assert named.generation.num_beams == 4 and named.generation.forced_eos_token_id == 4
    assert named.generation.max_new_tokens == 12 and not named.generation.do_sample
