"""Beam search over frames: all alignments count, words may be weighed, greedy is never better."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tasks.speech.saying import saying
from zoo.errors import ConfigError
from zoo.recipe.spec.tasks.speech import BeamSearch
from zoo.tasks.build import build_task
from zoo.tasks.speech.beam import Beam

LETTERS = "ab "
BLANK = len(LETTERS)
ARPA = r"""\data\
ngram 1=5
ngram 2=2

\1-grams:
-99 <s> -0.3
-1.0 </s>
-9.0 <unk>
-0.5 ab -0.2
-2.0 ba

\2-grams:
-0.1 <s> ab
-0.2 ab </s>

\end\
"""


def collapsed(path):
    """The ids of an alignment."""
    return tuple(one for one, _ in itertools.groupby(path) if one != BLANK)


def text(ids):
    return "".join(LETTERS[one] for one in ids)


def totals(chances):
    """The probability of every transcript, alignment by alignment."""
    found = {}
    for path in itertools.product(range(len(LETTERS) + 1), repeat=len(chances)):
        chance = math.exp(sum(float(row[one]) for row, one in zip(chances, path, strict=True)))
        found[collapsed(path)] = found.get(collapsed(path), 0.0) + chance
    return found


def searched(chances, model=None, **words):
    beam = Beam(BeamSearch(**words), model, BLANK, text)
    return beam, beam.transcribe(chances, collapsed(chances.argmax(-1).tolist()))


def test_the_likeliest_transcript_is_not_the_likeliest_alignment():
    one = torch.tensor([0.4, 0.0, 0.0, 0.6]).log()  # a or blank, twice: blank, blank is best
    chances = torch.stack([one, one])
    assert collapsed(chances.argmax(-1).tolist()) == ()
    beam, found = searched(chances)
    assert text(found) == "a"
    assert beam.score(chances, found) == pytest.approx(math.log(1 - 0.36), abs=1e-6)
    assert beam.score(chances, ()) == pytest.approx(math.log(0.36), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), frames=st.integers(1, 5))
def test_a_wide_beam_finds_the_best_of_all_transcripts(seed, frames):
    draw = torch.Generator().manual_seed(seed)
    chances = torch.randn(frames, len(LETTERS) + 1, generator=draw).log_softmax(-1)
    beam, found = searched(chances, beam=500)
    every = totals(chances)
    assert every[found] == pytest.approx(max(every.values()), rel=1e-5)
    assert beam.score(chances, found) == pytest.approx(math.log(every[found]), abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(1, 3))
def test_no_beam_is_worse_than_greedy(seed, width):
    draw = torch.Generator().manual_seed(seed)
    chances = torch.randn(12, len(LETTERS) + 1, generator=draw).log_softmax(-1)
    beam, found = searched(chances, beam=width)
    greedy = collapsed(chances.argmax(-1).tolist())
    assert beam.score(chances, found) >= beam.score(chances, greedy)


@pytest.fixture
def arpa(tmp_path):
    (tmp_path / "words.arpa").write_text(ARPA)
    return str(tmp_path / "words.arpa")


def test_a_language_model_decides_between_words_that_sound_alike(arpa, make_recipe, make_source):
    clip = make_source("ctc").train[0]
    rows = [{**clip, "transcript": "ab ba"}]
    heard = {}
    for name, alpha in {"none": None, "weak": 0.1, "strong": 2.0}.items():
        decoder = {"language_model": arpa, "alpha": alpha, "beta": 0.0} if alpha else {"beam": 8}
        recipe = make_recipe("ctc", {"decoder": decoder})
        task = build_task(recipe, make_source("ctc", rows))
        logits = saying(task, ["ba"], 9)
        a, b = (task.tokenizer.get_vocab()[letter] for letter in "ab")
        logits[0, 0:2, a], logits[0, 3:5, b] = 8.5, 8.5  # "ba" is heard, "ab" nearly
        heard[name] = task.transcribe(logits, torch.tensor([9]))[0]
    assert heard == {"none": "ba", "weak": "ba", "strong": "ab"}


def test_a_beam_transcribes_what_is_clear_as_greedy_does(make_recipe, make_source):
    task = build_task(make_recipe("ctc", {"decoder": {"beam": 4}}), make_source("ctc"))
    logits = saying(task, ["fuzzy box", "lazy dog"], 40)
    frames = torch.tensor([40, 12])
    assert task.transcribe(logits, frames) == task.spelling.transcribe(logits, frames)


@pytest.mark.parametrize("content", [None, "no model", ARPA.replace("ngram 1=5", "ngram 1=6")])
def test_a_file_that_is_no_language_model_is_a_fault(content, tmp_path, make_recipe, make_source):
    path = tmp_path / "words.arpa"
    if content is not None:
        path.write_text(content)
    recipe = make_recipe("ctc", {"decoder": {"language_model": str(path)}})
    with pytest.raises(ConfigError, match=r"task\.decoder\.language_model: found .*words\.arpa \("):
        build_task(recipe, make_source("ctc"))
