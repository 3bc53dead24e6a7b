"""The scores that tasks give: which way is better, and what each means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One score; shares are 0..1."""

    doc: str
    larger_is_better: bool


SCORES: dict[str, Score] = {
    "loss": Score("Mean loss over targets, in nats.", False),
    "perplexity": Score("exp of the mean loss.", False),
    "bits_per_byte": Score("Bits a UTF-8 byte of text.", False),
    "bits_per_token": Score("Bits a target token.", False),
    "accuracy": Score("Share of right answers.", True),
    "macro_f1": Score("Unweighted mean of F1 over classes.", True),
    "matthews": Score("Matthews' correlation.", True),
    "top_1": Score("Share of images whose label comes first.", True),
    "top_5": Score("Share of images whose label is among the first five.", True),
    "wer": Score("Word error rate.", False),
    "cer": Score("Character error rate.", False),
    "exact": Score("Share of transcripts without an error.", True),
}


def larger_is_better(key: str) -> bool:
    """The direction of a score under a name such as `valid/loss`; losses where it is not known."""
    score = SCORES.get(key.rpartition("/")[2])
    return score is not None and score.larger_is_better
