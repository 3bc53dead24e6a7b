"""The scores that tasks give: what each means, and which way is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """One score; shares are 0..1."""

    doc: str
    larger_is_better: bool = False


LOSS = Score("Mean loss over targets, in nats.")
PERPLEXITY = Score("exp of the mean loss.")
BITS_PER_BYTE = Score("Bits a UTF-8 byte of text.")
BITS_PER_TOKEN = Score("Bits a target token.")
ACCURACY = Score("Share of right answers.", larger_is_better=True)
MACRO_F1 = Score("Unweighted mean of F1 over classes.", larger_is_better=True)
MATTHEWS = Score("Matthews' correlation.", larger_is_better=True)
TOP_1 = Score("Share of images whose label comes first.", larger_is_better=True)
TOP_5 = Score("Share of images whose label is among the first five.", larger_is_better=True)
WER = Score("Word error rate.")
CER = Score("Character error rate.")
EXACT = Score("Share of transcripts, or texts, without an error.", larger_is_better=True)
BLEU = Score("BLEU over the whole set as sacrebleu counts it (13a), as a share.", True)
ROUGE_1 = Score("Mean F1 of the words that agree, as rouge-score's without stemming.", True)
ROUGE_2 = Score("The same of pairs of words.", True)
ROUGE_L = Score("The same of the longest common subsequence of words.", True)
