"""What `zoo predict` answers is what the task's own evaluation finds on the same rows."""

import numpy as np
import pytest
import torch

from zoo.data.rows import CorruptExample
from zoo.errors import ConfigError
from zoo.tasks.kinds.semantic_segmentation import enlarged
from zoo.tasks.text.marked.entities import entities
from zoo.tasks.text.sequences import read_back


def test_a_texts_class_is_the_one_that_evaluation_scores(trained):
    made = trained("sequence-classification")
    shares = made.logits(4).softmax(-1)
    predictor = made.predictor(top=2)
    found = predictor.answers([{"text": made.rows[i]["text"]} for i in range(4)])
    names = made.task.config.id2label
    assert [one["label"] for one in found] == [names[int(i)] for i in shares.argmax(-1)]
    for one, row in zip(found, shares, strict=True):
        assert one["score"] == pytest.approx(float(row.max()), abs=1e-5)
        assert [t["score"] for t in one["top"]] == pytest.approx(
            row.topk(2).values.tolist(), abs=1e-5
        )


def test_a_text_is_cut_where_evaluation_cuts_it(trained):
    long = [{"text": "the quick brown fox " * 40, "label": i} for i in (0, 1)]
    made = trained("sequence-classification", {"sequence_length": 8}, rows=long)
    [found] = made.predictor().answers([{"text": long[0]["text"]}])
    share = made.logits(1).softmax(-1)[0]
    assert found["score"] == pytest.approx(float(share.max()), abs=1e-5)


def test_a_pair_is_read_as_a_pair(trained):
    pairs = [
        {"text": "the quick", "text_pair": w, "label": i} for i, w in enumerate(("fox", "dog"))
    ]
    made = trained("sequence-classification", rows=pairs)
    rows = [{"text": row["text"], "text_pair": row["text_pair"]} for row in pairs]
    found = [one["score"] for one in made.predictor().answers(rows)]
    assert found == pytest.approx(made.logits(2).softmax(-1).amax(-1).tolist(), abs=1e-5)
    assert found[0] != found[1]
    named = trained("sequence-classification", None, {"text_pair": "second"}, rows=pairs)
    assert named.predictor().choices == (("text", "text_pair"),)


@pytest.mark.parametrize("tokenizer", ["bytes", {"train": "wordpiece", "vocab_size": 90}])
def test_entities_are_those_that_evaluation_scores(trained, tokenizer):
    made = trained("token-classification", tokenizer=tokenizer)
    logits, labels = made.logits(4), made.batch(4)["labels"]
    rows, names = [made.rows[i] for i in range(4)], made.task.names
    predictor = made.predictor()
    given = predictor.answers([predictor.read({"tokens": row["tokens"]}) for row in rows])
    texts = predictor.answers([predictor.read({"text": " ".join(r["tokens"])}) for r in rows])
    for i, row in enumerate(rows):
        places = [int(place) for place in labels["places"][i] if place >= 0]
        tags = [names[int(logits[i, place].argmax())] for place in places]
        starts = [len(" ".join([*row["tokens"][:n], ""])) for n in range(len(row["tokens"]))]
        wanted = [
            (kind, " ".join(row["tokens"][first : last + 1]), starts[first])
            for kind, first, last in entities(tags)
        ]
        for answer in (given[i], texts[i]):
            found = [(one["label"], one["text"], one["start"]) for one in answer["entities"]]
            assert found == wanted
    assert sum(len(one["entities"]) for one in given)


def test_an_answer_is_the_one_that_evaluation_scores(trained):
    made = trained("question-answering", {"sequence_length": 12, "max_answer_length": 4})
    predictor, windows = made.predictor(), made.task.rows(made.rows)
    assert len(windows) > len(made.rows)
    examples = [made.task.example(windows[i], None, False) for i in range(len(windows))]
    batch = made.task.collate([{**one, "weight": 1.0} for one in examples], None, False)
    with torch.no_grad():
        found = made.task.records(made.model(**batch["inputs"]), batch)
    for number in range(len(made.rows)):
        row = made.rows[number]
        own = [n for n, one in enumerate(examples) if one["number"] == number]
        best = max(one for n in own for one in found["answers"][n])
        [answer] = predictor.answers([{"question": row["question"], "context": row["context"]}])
        assert (answer["start"], answer["end"]) == best[1:]
        assert answer["answer"] == row["context"][best[1] : best[2]] == predictor.said(answer)


@pytest.mark.parametrize("channels", [3, 1])
def test_an_images_class_is_the_one_that_evaluation_scores(trained, kept, channels):
    config = {
        "model_type": "vit",
        "num_channels": channels,
        "patch_size": 4,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    made = trained("image-classification", config=config)
    predictor = made.predictor()
    examples = [predictor.read({"image": kept(made.rows[i], f"{i}.png")}) for i in range(4)]
    shares = made.logits(4).softmax(-1)
    found = predictor.answers(examples)
    names = made.task.config.id2label
    assert [one["label"] for one in found] == [names[int(i)] for i in shares.argmax(-1)]
    assert [one["score"] for one in found] == pytest.approx(shares.amax(-1).tolist(), abs=1e-5)


@pytest.mark.parametrize("decoder", [False, {"beam": 3}], ids=["greedy", "beam"])
def test_a_transcript_is_the_one_that_evaluation_scores(decoder, trained, kept):
    made = trained("ctc", {"decoder": decoder})
    clips = [row | {"audio": row["audio"] / 8} for row in map(made.rows.__getitem__, range(4))]
    made = made._replace(rows=clips)
    made.task.rows = lambda rows: rows
    batch = made.batch(4)
    with torch.no_grad():
        logits = made.model(**batch["inputs"]).logits
    wanted = made.task.transcribe(logits, batch["labels"]["frames"])
    predictor = made.predictor()
    paths = [kept(row | {"audio": row["audio"] * 8}, f"{i}.wav") for i, row in enumerate(clips)]
    found = predictor.answers([predictor.read({"audio": path}) for path in paths])
    assert [one["text"] for one in found] == wanted
    assert all(wanted)


def test_a_hidden_token_is_guessed_as_the_model_does(trained):
    made = trained("masked-lm")
    tokenizer, predictor = made.task.tokenizer, made.predictor(top=3)
    mask = tokenizer.mask_token
    texts = [f"the {mask} fox", f"{mask} {mask} dog"]
    first, second = predictor.answers([predictor.read({"text": text}) for text in texts])
    for text, found in zip(texts, (first, second), strict=True):
        ids = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            logits = made.model(**ids).logits[ids.input_ids == tokenizer.mask_token_id]
        best = [tokenizer.decode([int(i)]) for i in logits.argmax(-1)]
        assert [one[0]["token"] for one in found["masks"]] == best
        assert [len(one) for one in found["masks"]] == [3] * len(best)
        assert best[0] in found["text"] and mask not in found["text"]
    with pytest.raises(CorruptExample, match="among the first 16 tokens"):
        predictor.read({"text": "the fox"})


def written(made, prompt, count):
    """The likeliest tokens one after the other, by the model's plain forward."""
    ids = list(made.task.tokenizer(prompt).input_ids)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(made.model(torch.tensor([ids])).logits[0, -1].argmax()))
    return made.task.tokenizer.decode(ids[-count:], skip_special_tokens=True)


def test_text_is_written_on_token_by_token_whoever_stands_beside_it(trained):
    made = trained("causal-lm")
    predictor = made.predictor(max_new_tokens=6)
    prompts = ["the quick", "brown", "seven wizards boxed"]
    examples = [predictor.read({"text": prompt}) for prompt in prompts]
    found = [one["text"] for one in predictor.answers(examples)]
    assert found == [written(made, prompt, 6) for prompt in prompts]
    assert [predictor.answers([one])[0]["text"] for one in examples] == found


@pytest.mark.parametrize(
    ("kind", "role"), [("causal-lm", "text"), ("sequence-to-sequence", "source")]
)
def test_text_that_is_streamed_is_the_text(kind, role, trained):
    predictor = trained(kind).predictor(max_new_tokens=6)
    heard: list[str] = []
    predictor.write = heard.append
    [found] = predictor.answers([predictor.read({role: "the quick"})])
    assert "".join(heard).strip() == found["text"].strip()


@pytest.mark.parametrize("prefix", ["", "say: "])
def test_a_text_is_rewritten_as_evaluation_does(trained, prefix):
    keys = {"prefix": prefix, "generate": {"min_new_tokens": 6}}
    made = trained("sequence-to-sequence", keys)
    batch = made.batch(4)
    wanted = read_back(made.task.tokenizer, made.task.predict(made.model, batch)["sequences"])
    predictor = made.predictor()
    examples = [predictor.read({"source": made.rows[i]["source"]}) for i in range(4)]
    assert [one["text"] for one in predictor.answers(examples)] == wanted
    assert any(wanted)


def test_a_seed_draws_the_same_text_again(trained):
    predictor = trained("causal-lm").predictor(max_new_tokens=8, temperature=1.5)
    found = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        found.append(predictor.answers([predictor.read({"text": "fox"})])[0]["text"])
    assert found[0] == found[1] != found[2]


def test_a_prompt_leaves_room_for_a_token(trained):
    predictor = trained("causal-lm").predictor()
    with pytest.raises(CorruptExample, match="1 to 63 fit"):
        predictor.read({"text": "x" * 64})
    assert predictor.answers([predictor.read({"text": "x" * 63})])[0]["text"] is not None
    with pytest.raises(CorruptExample, match="without chat template"):
        predictor.read({"messages": [{"role": "user", "content": "hello"}]})


def test_a_chat_is_answered_as_its_template_says(trained):
    made = trained("causal-lm")
    predictor = made.predictor(max_new_tokens=4)
    predictor.tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + ' ' }}{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    ids = predictor.read({"messages": [{"role": "user", "content": "hello"}]})
    assert predictor.read({"prompt": [{"role": "user", "content": "hello"}]}) == ids
    [found] = predictor.answers([ids])
    assert found["text"] == written(made, "user: hello assistant: ", 4)


def test_an_option_that_a_kind_does_not_take_is_a_fault(trained):
    with pytest.raises(ConfigError) as caught:
        trained("sequence-classification").predictor(temperature=1.0, max_new_tokens=3)
    assert [fault.key for fault in caught.value.faults] == ["--max-new-tokens", "--temperature"]
    assert "--top" in str(caught.value)


def test_a_folder_that_transformers_cannot_load_is_a_fault(trained):
    made = trained("sequence-classification")
    (made.folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(ConfigError, match="a folder that transformers loads"):
        made.predictor()


def test_a_clip_of_another_rate_is_heard_at_the_models(trained, kept):
    made = trained("ctc")
    predictor, row = made.predictor(), made.rows[0]
    path = kept({"audio": np.repeat(row["audio"], 2), "sampling_rate": 16000}, "fast.wav")
    assert abs(len(predictor.read({"audio": path})) - len(row["audio"]) // 80) <= 2
    with pytest.raises(CorruptExample, match="samples"):
        predictor.read(
            {"audio": kept({"audio": row["audio"][:50], "sampling_rate": 8000}, "s.wav")}
        )


def test_a_clip_is_written_down_as_evaluation_does(trained, kept):
    made = trained("speech-seq2seq")
    clips = [row | {"audio": row["audio"] / 8} for row in map(made.rows.__getitem__, range(3))]
    made = made._replace(rows=clips)
    made.task.rows = lambda rows: rows
    batch = made.batch(3)
    wanted = read_back(made.task.tokenizer, made.task.predict(made.model, batch)["sequences"])
    predictor = made.predictor()
    paths = [kept(row | {"audio": row["audio"] * 8}, f"{i}.wav") for i, row in enumerate(clips)]
    found = predictor.answers([predictor.read({"audio": path}) for path in paths])
    assert [one["text"] for one in found] == wanted
    assert any(wanted)


def test_boxes_are_those_that_evaluation_scores(trained, kept):
    made = trained("object-detection")
    batch = made.batch(3)
    with torch.no_grad():
        outputs = made.model(**batch["inputs"])
    wanted = made.task.records(outputs, batch)["found"]
    predictor = made.predictor(threshold=0.0)
    images = [made.rows[i] for i in range(3)]
    paths = [kept(row, f"{i}.png") for i, row in enumerate(images)]
    found = predictor.answers([predictor.read({"image": path}) for path in paths])
    for one, theirs, row, path in zip(found, wanted, images, paths, strict=True):
        best = one["boxes"][0]
        place = int(np.argmax(theirs["scores"]))
        assert best["score"] == pytest.approx(float(theirs["scores"][place]), abs=1e-5)
        assert best["label"] == made.task.config.id2label[int(theirs["classes"][place])]
        assert list(best["box"].values()) == pytest.approx(
            theirs["boxes"][place].tolist(), abs=1.01
        )
        assert predictor.drawn({"image": path}, one).size == row["image"].size
    assert made.predictor(threshold=1.0).answers([predictor.read({"image": paths[0]})]) == [
        {"boxes": []}
    ]


def test_masks_are_those_that_evaluation_scores(trained, kept):
    made = trained("semantic-segmentation")
    logits = made.logits(3)
    predictor = made.predictor()
    rows = [made.rows[i] for i in range(3)]
    paths = [kept(row, f"{i}.png") for i, row in enumerate(rows)]
    answers = predictor.answers([predictor.read({"image": path}) for path in paths])
    names = made.task.config.id2label
    for found, row, path, one in zip(answers, rows, paths, logits, strict=True):
        width, height = row["image"].size
        wanted = enlarged(one[None], (height, width)).argmax(1)[0].numpy()
        shares = {names[int(n)]: float((wanted == n).mean()) for n in np.unique(wanted)}
        seen = {segment["label"]: segment["share"] for segment in found["segments"]}
        assert seen == pytest.approx(shares, abs=0.01)
        assert sum(mask for _, mask in found["_masks"]).tolist() == np.ones_like(wanted).tolist()
        assert predictor.drawn({"image": path}, found).size == (width, height)
