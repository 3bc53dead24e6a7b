"""The scores that tasks give: what each means, and which way is better."""

from dataclasses import dataclass
from typing import Any

PAIRS = (("prompt", "chosen", "rejected"), ("chosen", "rejected"))
"""What rows of preferences hold: two answers, whose prompt stands apart or begins both."""


@dataclass(frozen=True)
class Score:
    """One score; shares are 0..1."""

    doc: str
    larger_is_better: bool = False
    of_two: bool = False
    """Given where there are two classes, of which the second is the one looked for."""
    metric: str = ""
    """What the hub calls it; empty: by our name for it."""
    unit: str = ""
    """What it counts, as the axis of its curve is called; empty: by our name for it."""
    chart: str = ""
    """The title of the chart in which curves of several scores lie together; empty: each alone."""
    wanted: bool = True
    """One way is better than the other; else it is only told."""


LOSS = Score("Mean loss over targets, in nats.", unit="nats")
PERPLEXITY = Score("exp of the mean loss.", metric="perplexity")
BITS_PER_BYTE = Score("Bits a UTF-8 byte of text.", unit="bits a byte")
BITS_PER_TOKEN = Score("Bits a target token.", unit="bits a token")
ACCURACY = Score(
    "Share of right answers.", larger_is_better=True, metric="accuracy", unit="share of answers"
)
MACRO_F1 = Score("Unweighted mean of F1 over classes.", larger_is_better=True, metric="f1")
F1 = Score(
    "F1 of the second of two classes, as GLUE's; not given of others.",
    larger_is_better=True,
    of_two=True,
    metric="f1",
)
MATTHEWS = Score("Matthews' correlation.", larger_is_better=True, metric="matthews_correlation")
TOP_1 = Score("Share of images whose label comes first.", larger_is_better=True, metric="accuracy")
TOP_5 = Score("Share of images whose label is among the first five.", larger_is_better=True)
MIOU = Score(
    "Mean over classes of intersection over union (iou/CLASS: of each); those in neither truth nor "
    "answer are left out.",
    larger_is_better=True,
    metric="mean_iou",
)
PIXEL_ACCURACY = Score("Share of pixels with the right class.", larger_is_better=True)
MEAN_ACCURACY = Score(
    "Mean over the classes there are of the share of their pixels found.", larger_is_better=True
)
WER = Score("Word error rate.", metric="wer", unit="errors a word")
CER = Score("Character error rate.", metric="cer", unit="errors a character")
EXACT = Score(
    "Share of transcripts, or texts, without an error.",
    larger_is_better=True,
    metric="exact_match",
    unit="share without an error",
)
BLEU = Score(
    "BLEU over the whole set as sacrebleu counts it (13a), as a share.", True, metric="bleu"
)
ROUGE_1 = Score(
    "Mean F1 of the words that agree, as rouge-score's without stemming.", True, metric="rouge"
)
ROUGE_2 = Score("The same of pairs of words.", True, metric="rouge")
ROUGE_L = Score("The same of the longest common subsequence of words.", True, metric="rouge")
MAP = Score(
    "COCO's average precision: over classes and overlaps from 0.50 to 0.95.", larger_is_better=True
)
MAP_50 = Score("The same at an overlap of 0.50.", larger_is_better=True)
MAP_75 = Score("The same at an overlap of 0.75.", larger_is_better=True)
MAP_SMALL = Score("The same of objects below 32x32 pixels.", larger_is_better=True)
MAP_MEDIUM = Score("The same of objects from 32x32 to 96x96 pixels.", larger_is_better=True)
MAP_LARGE = Score("The same of larger objects.", larger_is_better=True)
ENTITIES = {
    "entity_f1": Score(
        "F1 of entities whose ends and type are right (seqeval).", True, metric="f1"
    ),
    "loss": LOSS,
    "precision": Score("Share of the entities found that are right.", larger_is_better=True),
    "recall": Score("Share of the entities wanted that are found.", larger_is_better=True),
    "macro_f1": MACRO_F1,
    "accuracy": ACCURACY,
}
ANSWERS = {
    "exact": Score("Share of questions whose answer is exact (SQuAD).", True, metric="exact_match"),
    "f1": Score("Mean F1 of the words of answers (SQuAD).", True, metric="f1"),
    "loss": LOSS,
}

MARGIN = Score("Mean reward of chosen answers less that of rejected ones.", True, unit="reward")
_OF_ANSWERS: dict[str, Any] = {
    "larger_is_better": True,
    "unit": "nats an answer",
    "chart": "log-probability of answers",
    "wanted": False,  # with the margin growing either may fall
}
PREFERENCES = {
    "reward_accuracy": Score(
        "Share of pairs whose chosen answer has the larger reward; of single answers, of those on "
        "their side of the reference point.",
        larger_is_better=True,
        unit="share of pairs, or answers",
    ),
    "loss": Score("Mean loss of a pair, or of an answer: what is learned."),
    "margin": MARGIN,
    "chosen_logp": Score("Mean log-probability of a chosen answer, in nats.", **_OF_ANSWERS),
    "rejected_logp": Score("Mean log-probability of a rejected answer, in nats.", **_OF_ANSWERS),
}
"""What is learned from preferences is scored by; rewards are `task.beta` times what the loss
compares. Of single answers those that are wanted are the chosen ones."""


OF_TRANSCRIPTS = {"wer": WER, "loss": LOSS, "cer": CER, "exact": EXACT}
OF_TEXTS = {
    "exact": EXACT,
    "loss": LOSS,
    "bleu": BLEU,
    "rouge_1": ROUGE_1,
    "rouge_2": ROUGE_2,
    "rouge_l": ROUGE_L,
}
"""What several kinds, or those that rewrite, are scored by; the first is the headline."""
