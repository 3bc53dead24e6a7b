"""What is trained on of prompts and chats are the tokens that inference gives the whole text."""

import json

import pytest

from tests.tasks.text.test_encoding import llama_like
from zoo.data.rows import CorruptExample
from zoo.tasks.text.chats.shapes import turns_of
from zoo.tasks.text.conversations import fitted, marked_ids
from zoo.tasks.text.encoding import Speller
from zoo.tasks.text.vocabulary import CAUSAL, byte_tokenizer

INST = (
    "{{ bos_token }}{% for turn in messages %}{% if turn.role == 'assistant' %}"
    "{{ turn.content }}{{ eos_token }}{% else %}[INST]{{ turn.content }}[/INST]{% endif %}"
    "{% endfor %}"
)
MARKED = INST.replace(
    "{{ turn.content }}{{ eos_token }}",
    "{% generation %}{{ turn.content }}{{ eos_token }}{% endgeneration %}",
)
# As Qwen 3: thoughts of earlier answers are left out, the last answer has a place for them.
THINKING = (
    "{% for turn in messages %}<{{ turn.role }}>"
    "{% if turn.role == 'assistant' %}"
    "{% if loop.last %}<think>{{ turn.thought }}</think>\n{% endif %}{% endif %}"
    "{{ turn.content }}<end>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
TALK = [
    {"role": "user", "content": "the quick"},
    {"role": "assistant", "content": "brown fox"},
    {"role": "user", "content": "isn't it"},
    {"role": "assistant", "content": "jumps"},
]


def learned(tokenizer, row):
    """The ids of a row, and the tokens that are targets."""
    ids, marks = marked_ids(Speller.of(tokenizer), row)
    chosen = [token for token, mark in zip(ids, marks, strict=True) if mark]
    return ids, tokenizer.convert_ids_to_tokens(chosen)


@pytest.mark.parametrize("template", [INST, MARKED], ids=["plain", "generation"])
def test_a_chat_is_what_the_template_gives_tokenized_at_once(template):
    tokenizer = llama_like()
    tokenizer.chat_template = template
    ids, targets = learned(tokenizer, {"messages": TALK})
    assert ids == tokenizer.apply_chat_template(TALK, tokenize=True, return_dict=False)
    said = "".join(targets)
    assert said.count("</s>") == 2
    assert said.replace("\u2581", " ").replace("</s>", "|").strip() == "brown fox|jumps|"


@pytest.mark.parametrize(
    ("prompt", "completion"), [("the quick", " brown"), ("the ", "fox"), ("", "fox")]
)
def test_a_prompt_and_its_completion_are_one_text(prompt, completion):
    tokenizer = llama_like()
    ids, targets = learned(tokenizer, {"prompt": prompt, "completion": completion})
    assert ids == [*tokenizer(prompt + completion).input_ids, tokenizer.eos_token_id]
    assert "".join(targets).replace("\u2581", " ").strip() == completion.strip() + "</s>"


def test_earlier_answers_are_learned_as_the_whole_chat_writes_them():
    tokenizer = byte_tokenizer(CAUSAL)
    tokenizer.chat_template = THINKING
    talk = [{**turn, "thought": "hm"} for turn in TALK]
    ids, marks = marked_ids(Speller.of(tokenizer), {"messages": talk})
    assert tokenizer.decode(ids) == tokenizer.apply_chat_template(talk, tokenize=False)
    targets = tokenizer.decode([token for token, mark in zip(ids, marks, strict=True) if mark])
    assert targets == "brown fox<end>\n<think>hm</think>\njumps<end>\n"


def test_a_template_that_changes_earlier_answers_is_a_corrupt_row():
    tokenizer = byte_tokenizer(CAUSAL)
    tokenizer.chat_template = (
        "{% for turn in messages %}<{{ turn.role }}>"
        "{{ turn.content if loop.last else turn.content | upper }}{% endfor %}"
    )
    with pytest.raises(CorruptExample, match="rewrites"):
        learned(tokenizer, {"messages": TALK})


def test_messages_are_read_in_each_of_their_shapes():
    wanted = [{"role": "user", "content": "hi you"}]
    parts = [{"type": "text", "text": "hi ", "image": None}, {"type": "text", "text": "you"}]
    for shape in (wanted, json.dumps(wanted), [{"role": "user", "content": parts}]):
        assert turns_of(shape) == wanted
    call = [{"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}]
    named = {"type": "function", "function": {"name": "f", "arguments": {}}}
    assert turns_of(call) == [{"role": "assistant", "tool_calls": [named]}]


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"by": "human", "said": "hi"}], "a message of by, said; role and content"),
        ([{"role": "user"}], "content is a NoneType"),
        ([{"role": "user", "content": 7}], "content is a int"),
        ([{"role": "user", "content": [{"type": "image"}]}], "a part of type image"),
        (["hi"], "a message that is a str"),
        ("hello", "a text, and no JSON"),
        ("3", "no list of messages"),
        ([], "no list of messages"),
        (None, "no list of messages"),
    ],
)
def test_other_shapes_are_corrupt_rows(messages, said):
    with pytest.raises(CorruptExample, match=said):
        turns_of(messages)


def marks_of(text):
    """Marks from a drawing: capitals are targets."""
    return [letter.isupper() for letter in text]


@pytest.mark.parametrize(
    ("row", "length", "opening", "kept"),
    [
        ("sabcDEF", 7, 1, "sabcDEF"),
        ("sabcdeFG", 5, 1, "sdeFG"),  # the prompt gives way, its special token stays
        ("abcdeFG", 4, 0, "deFG"),
        ("abcDEFGHIJK", 6, 0, "abcDEF"),  # too long by itself: half the length is the prompt's
        ("sabcdefgDEFGHIJK", 6, 1, "sfgDEF"),
        ("abCDefghIJ", 6, 0, "abCDef"),  # later turns fall away
        ("abcdefCDghIJ", 6, 0, "cdefCD"),
        ("abcdef", 4, 0, "abcd"),
    ],
)
def test_prompts_give_way_to_what_is_learned(row, length, opening, kept):
    letters, marks = fitted(list(row), marks_of(row), length, opening)
    assert "".join(letters) == kept
    assert marks == marks_of(kept)
