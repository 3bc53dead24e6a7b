"""Language models: ARPA files are read as they were written, and words back off as Katz says."""

import gzip
import math

import pytest

from tests.tasks.speech.test_beam import ARPA
from zoo.tasks.speech.ngram import BEGIN, END, read_arpa


@pytest.mark.parametrize("name", ["words.arpa", "words.arpa.gz"])
def test_words_are_scored_by_the_longest_n_gram_that_is_known(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(gzip.compress(ARPA.encode()) if name.endswith("gz") else ARPA.encode())
    model = read_arpa(path)
    assert model.order == 2

    def score(history, word):
        return model.score(history, word) / math.log(10)

    assert score((BEGIN,), "ab") == pytest.approx(-0.1)
    assert score((BEGIN,), "ba") == pytest.approx(-0.3 - 2.0), "backed off"
    assert score(("ba",), "ab") == pytest.approx(-0.5), "a history without a weight"
    assert score(("x", "y", "ab"), END) == pytest.approx(-0.2), "no longer history counts"
    assert score(("ab",), "never") == pytest.approx(-0.2 - 9.0), "the unknown word"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("\\end\\", ""), "no .end"),
        (("\\data\\", ""), "no .data"),
        (("-2.0 ba", "ba"), "'ba' is no entry of 1 words"),
        (("-2.0 ba", "two ba"), "could not convert"),
        (("ngram 2=2", "ngram 2=3"), "tells of"),
    ],
)
def test_a_broken_file_is_refused(change, message, tmp_path):
    (tmp_path / "words.arpa").write_text(ARPA.replace(*change))
    with pytest.raises(ValueError, match=message):
        read_arpa(tmp_path / "words.arpa")
