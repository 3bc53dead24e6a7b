from itertools import pairwise

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering

from zoo.data.rows import CorruptExample
from zoo.data.samples import drawn
from zoo.tasks.build import build_task

KIND = "question-answering"
CONTEXT = "the quick brown fox jumps over the lazy dog while seven wizards boxed"


def row(answer, question="what", context=CONTEXT):
    answers = ((context.index(answer), answer),) if answer else ()
    return {"question": question, "context": context, "answers": answers}


@pytest.fixture
def made(make_recipe, make_source):
    """made(rows, task's keys): the task and its windows of those rows."""

    def make(rows, **task):
        source = make_source(KIND, rows)
        found = build_task(make_recipe(KIND, task), source)
        return found, found.rows(source.train)

    return make


def outputs_of(task, batch, seed=0):
    torch.manual_seed(seed)
    model = AutoModelForQuestionAnswering.from_config(task.config).eval()
    with torch.no_grad():
        return model, dict(model(**batch["inputs"]))


def test_windows_overlap_and_cover_the_context(made):
    task, windows = made([row("dog")], sequence_length=12, stride=3)
    examples = [task.example(windows[i], None, False) for i in range(len(windows))]
    spans = [one["here"].spans for one in examples]
    inside = [{tuple(span) for span in here.tolist()} - {(-1, -1)} for here in spans]
    assert len(windows) > 2 and all(len(one["here"].ids) <= 12 for one in examples)
    assert all(len(a & b) == 3 for a, b in pairwise(inside))
    assert min(a for a, _ in inside[0]) == 0 and max(b for _, b in inside[-1]) == len(CONTEXT)
    assert {one["number"] for one in examples} == {0}
    assert windows.lengths().tolist() == [len(one["here"].ids) for one in examples]


def test_a_target_is_where_the_answer_stands_and_else_the_first_token(made):
    task, windows = made([row("lazy dog")], sequence_length=16, stride=6)
    found = []
    for number in range(len(windows)):
        example = task.example(windows[number], None, False)
        start, end = example["place"]
        spans = example["here"].spans
        if (start, end) != (0, 0):
            found.append(CONTEXT[spans[start, 0] : spans[end, 1]])
        else:
            assert not (spans[:, 0] <= 35).any() or spans[:, 1].max() < 43 or spans[2, 0] > 35
    assert found and set(found) == {"lazy dog"}


def test_an_answer_outside_every_window_is_counted_once(made, make_batch):
    task, windows = made([row("quick brown fox jumps over the")], sequence_length=10, stride=2)
    batch = make_batch(task, windows, len(windows))
    assert batch["lost"] == {"outside": 1.0}
    assert batch["labels"]["positions"].tolist() == [[0, 0]] * len(windows)


def test_a_row_of_weight_zero_is_no_target_and_not_the_first_token(made, make_batch):
    task, windows = made([row(w) for w in CONTEXT.split()[:4]])
    plain, padded = make_batch(task, windows, 3), make_batch(task, windows, 4, padding=1)
    length = padded["inputs"]["input_ids"].shape[1]
    assert padded["labels"]["positions"][3].tolist() == [length, length]
    assert padded["count"] == 3
    _, outputs = outputs_of(task, padded)
    first = {name: value[:3, : plain["labels"]["mask"].shape[1]] for name, value in outputs.items()}
    torch.testing.assert_close(task.loss(outputs, padded), task.loss(first, plain))


def test_the_loss_is_that_of_transformers(made, make_batch):
    task, windows = made([row(w) for w in ("quick", "brown", "fox")], sequence_length=64)
    batch = make_batch(task, windows, 3)
    assert bool(batch["labels"]["mask"].all()), "nothing is padded"
    model, outputs = outputs_of(task, batch)
    start, end = batch["labels"]["positions"].T
    theirs = model(**batch["inputs"], start_positions=start, end_positions=end).loss
    torch.testing.assert_close(task.loss(outputs, batch) / 3, theirs)


def test_padding_is_no_choice(made, make_batch):
    task, windows = made([row("fox"), row("fox", "what is there")], sequence_length=64)
    both, one = make_batch(task, windows, 2), make_batch(task, windows, 1)
    _, outputs = outputs_of(task, both)
    short = one["labels"]["mask"].shape[1]
    noisy = {name: value.clone() for name, value in outputs.items()}
    for value in noisy.values():
        value[0, short:] += 100
    torch.testing.assert_close(task.loss(noisy, both), task.loss(outputs, both))
    assert task.records(noisy, both)["answers"] == task.records(outputs, both)["answers"]


def records_of(task, windows, batches):
    """What scoring is given, from micro-batches of rows that may be padded with the last one."""
    gathered = {}
    for rows in batches:
        places = [min(n, len(windows) - 1) for n in rows]
        examples = [
            {**task.example(windows[at], None, False), "weight": float(n < len(windows))}
            for n, at in zip(rows, places, strict=True)
        ]
        batch = task.collate(examples, np.random.default_rng(0), False)
        _, outputs = outputs_of(task, batch)
        found = task.records(outputs, batch)
        for place, n in enumerate(rows):
            if n < len(windows):
                gathered[n] = {name: values[place] for name, values in found.items()}
    ordered = [gathered[n] for n in sorted(gathered)]
    return {name: [one[name] for one in ordered] for name in ordered[0]}


@pytest.mark.parametrize("version_2", [False, True])
def test_a_split_over_ranks_with_padding_scores_as_one_process(made, version_2):
    rows = [row(w, w) for w in CONTEXT.split()] + ([row("")] if version_2 else [])
    task, windows = made(rows, sequence_length=12, stride=3, null_threshold=-0.1)
    count = len(windows)
    assert task.may_be_none == version_2 and count % 4
    alone = [[n] for n in range(count)]
    shared = [
        list(range(start, start + 4)) for rank in (0, 4) for start in range(rank, count + 4, 8)
    ]
    totals = {"loss": torch.tensor(1.0), "count": torch.tensor(1.0)}
    one, two = (task.score(totals, records_of(task, windows, b)) for b in (alone, shared))
    assert one == pytest.approx(two)
    assert 0 < one["f1"] < 1


def test_questions_without_an_answer_are_recognised_or_named(made):
    assert not made([row("fox")])[0].may_be_none
    assert made([row("fox"), row("")])[0].may_be_none
    assert made([row("fox")], version_2=True)[0].may_be_none


def test_a_question_that_leaves_no_room_is_a_corrupt_row(made):
    task, windows = made([row("fox", "what " * 30), row("fox")], sequence_length=12)
    with pytest.raises(CorruptExample, match="tokens in windows of 12"):
        task.example(windows[0], None, False)
    assert [windows[i]["number"] for i in range(2)] == [0, 1]


def test_windows_of_a_question_are_scored_together(made):
    _, windows = made([row("fox"), row("dog")], sequence_length=12)
    assert len(windows) > 2
    assert drawn(windows, 1, 0) is windows


def test_the_head_has_two_outputs_whatever_the_classes_before(made, make_recipe, make_source):
    config = make_recipe(KIND).model.config
    before = {**config, "id2label": {0: "a", 1: "b", 2: "c"}}
    with pytest.raises(Exception, match="id2label"):
        build_task(make_recipe(KIND, config=before), make_source(KIND))
    assert made([row("fox")])[0].config.num_labels == 2


def test_a_model_of_one_kind_of_segment_is_given_none(make_recipe, make_source, make_batch):
    config = {**make_recipe(KIND).model.config, "model_type": "roberta", "type_vocab_size": 1}
    task = build_task(make_recipe(KIND, config=config), make_source(KIND))
    batch = make_batch(task, task.rows(make_source(KIND).train), 2)
    assert "token_type_ids" in task.tokenizer.model_input_names
    assert len(outputs_of(task, batch)[1]["start_logits"]) == 2
