"""The kinds of task: one entry each, with all that others ask about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.spec.tasks.detection import ObjectDetectionSpec
from zoo.recipe.spec.tasks.segmentation import SemanticSegmentationSpec
from zoo.recipe.spec.tasks.sequences import SequenceToSequenceSpec
from zoo.recipe.spec.tasks.speech import CTCSpec, SpeechSeq2SeqSpec
from zoo.recipe.spec.tasks.text import (
    CausalLMSpec,
    MaskedLMSpec,
    QuestionAnsweringSpec,
    SequenceClassificationSpec,
    TokenClassificationSpec,
)
from zoo.recipe.spec.tasks.vision import ImageClassificationSpec
from zoo.recipe.vocabulary.scores import (
    ACCURACY,
    ANSWERS,
    BITS_PER_BYTE,
    BITS_PER_TOKEN,
    ENTITIES,
    LOSS,
    MACRO_F1,
    MAP,
    MAP_50,
    MAP_75,
    MAP_LARGE,
    MAP_MEDIUM,
    MAP_SMALL,
    MATTHEWS,
    MEAN_ACCURACY,
    MIOU,
    OF_TEXTS,
    OF_TRANSCRIPTS,
    PERPLEXITY,
    PIXEL_ACCURACY,
    PROBLEMS,
    TOP_1,
    TOP_5,
    Score,
)


@dataclass(frozen=True)
class Kind:
    """One kind of task, as everything but its own file knows it."""

    spec: type[TaskSpec]
    """Its keys beside `kind`."""
    task: str
    """`module:name` of the class in tasks/ that learns and scores."""
    head: str
    """The class of transformers that builds its model."""
    roles: tuple[tuple[str, ...], ...]
    """What its rows must hold: any of these; the first that is there whole is read."""
    built_in: tuple[str, ...]
    """The built-in data that it can learn from."""
    scores: Mapping[str, Score]
    """What it is scored by; the first is the headline that tells the best checkpoint."""
    unit: str = "targets"
    """What a target is called."""
    classes: bool = False
    """Its labels name classes, which become ids."""
    least_classes: int = 2
    """How many it must have to be one: objects are told from background too."""
    several: bool = False
    """A row may have several labels."""
    tokenizer: bool = True
    """Needs a tokenizer."""
    may_be_blank: tuple[str, ...] = ()
    """Roles of text that may be blank in a row; others make it a corrupt one."""
    one_length: bool = False
    """All its examples have one length."""
    labels_enter: bool = False
    """Its model takes the labels and computes a loss inside: not in a pipeline."""
    generates: bool = False
    """Its evaluation generates with the whole model: not in a pipeline."""
    predictor: str = ""
    """`module:name` of the class in predicting/ that answers with its exported model."""

    @property
    def headline(self) -> str:
        """The score that tells the best checkpoint."""
        return next(iter(self.scores))

    def larger_is_better(self, key: str) -> bool:
        """The direction of a score under a name such as `valid/loss`; smaller where not known."""
        score = self.scores.get(key.rpartition("/")[2])
        return score is not None and score.larger_is_better


KINDS: dict[str, Kind] = {
    "causal-lm": Kind(
        spec=CausalLMSpec,
        task="zoo.tasks.kinds.causal_lm:CausalLM",
        head="AutoModelForCausalLM",
        roles=(("text",), ("prompt", "completion"), ("messages",)),
        built_in=("stdlib-text",),
        scores={"perplexity": PERPLEXITY, "loss": LOSS, "bits_per_byte": BITS_PER_BYTE},
        unit="tokens",
        may_be_blank=("text", "prompt"),
        predictor="zoo.predicting.generation:Continuation",
    ),
    "masked-lm": Kind(
        spec=MaskedLMSpec,
        task="zoo.tasks.kinds.masked_lm:MaskedLM",
        head="AutoModelForMaskedLM",
        roles=(("text",),),
        built_in=("stdlib-text",),
        scores={
            "perplexity": PERPLEXITY,
            "loss": LOSS,
            "accuracy": ACCURACY,
            "bits_per_token": BITS_PER_TOKEN,
        },
        unit="tokens",
        may_be_blank=("text",),
        one_length=True,
        predictor="zoo.predicting.text:MaskFilling",
    ),
    "sequence-classification": Kind(
        spec=SequenceClassificationSpec,
        task="zoo.tasks.kinds.sequence_classification:SequenceClassification",
        head="AutoModelForSequenceClassification",
        roles=(("text", "text_pair", "label"), ("text", "label")),
        built_in=("stdlib-keywords",),
        scores={"accuracy": ACCURACY, "loss": LOSS, "macro_f1": MACRO_F1, "matthews": MATTHEWS},
        classes=True,
        predictor="zoo.predicting.text:TextClasses",
    ),
    "sequence-to-sequence": Kind(
        spec=SequenceToSequenceSpec,
        task="zoo.tasks.kinds.sequence_to_sequence:SequenceToSequence",
        head="AutoModelForSeq2SeqLM",
        roles=(("source", "target"),),
        built_in=("numbers",),
        scores=OF_TEXTS,
        unit="tokens",
        generates=True,
        predictor="zoo.predicting.generation:Rewriting",
    ),
    "token-classification": Kind(
        spec=TokenClassificationSpec,
        task="zoo.tasks.kinds.token_classification:TokenClassification",
        head="AutoModelForTokenClassification",
        roles=(("tokens", "tags"), ("text", "entities")),
        built_in=("python-tokens",),
        scores=ENTITIES,
        unit="words",
        classes=True,
        predictor="zoo.predicting.marks:Tags",
    ),
    "question-answering": Kind(
        spec=QuestionAnsweringSpec,
        task="zoo.tasks.kinds.question_answering:QuestionAnswering",
        head="AutoModelForQuestionAnswering",
        roles=(("question", "context", "answers"),),
        built_in=("constants",),
        scores=ANSWERS,
        unit="windows",
        predictor="zoo.predicting.marks:Answers",
    ),
    "image-classification": Kind(
        spec=ImageClassificationSpec,
        task="zoo.tasks.kinds.image_classification:ImageClassification",
        head="AutoModelForImageClassification",
        roles=(("image", "label"),),
        built_in=("digits",),
        scores={"top_1": TOP_1, "loss": LOSS, "top_5": TOP_5},
        classes=True,
        tokenizer=False,
        one_length=True,
        predictor="zoo.predicting.vision:ImageClasses",
    ),
    "object-detection": Kind(
        spec=ObjectDetectionSpec,
        task="zoo.tasks.kinds.object_detection:ObjectDetection",
        head="AutoModelForObjectDetection",
        roles=(("image", "objects"),),
        built_in=("shapes",),
        scores={
            "map": MAP,
            "loss": LOSS,
            "map_50": MAP_50,
            "map_75": MAP_75,
            "map_small": MAP_SMALL,
            "map_medium": MAP_MEDIUM,
            "map_large": MAP_LARGE,
        },
        unit="boxes",
        classes=True,
        least_classes=1,
        tokenizer=False,
        one_length=True,
        labels_enter=True,
        predictor="zoo.predicting.vision:Boxes",
    ),
    "semantic-segmentation": Kind(
        spec=SemanticSegmentationSpec,
        task="zoo.tasks.kinds.semantic_segmentation:SemanticSegmentation",
        head="AutoModelForSemanticSegmentation",
        roles=(("image", "mask"),),
        built_in=("shapes",),
        scores={
            "miou": MIOU,
            "loss": LOSS,
            "pixel_accuracy": PIXEL_ACCURACY,
            "mean_accuracy": MEAN_ACCURACY,
        },
        unit="pixels",
        classes=True,
        tokenizer=False,
        one_length=True,
        predictor="zoo.predicting.vision:Masks",
    ),
    "ctc": Kind(
        spec=CTCSpec,
        task="zoo.tasks.kinds.ctc:CTC",
        head="AutoModelForCTC",
        roles=(("audio", "transcript"),),
        built_in=("morse",),
        scores=OF_TRANSCRIPTS,
        unit="characters",
        may_be_blank=("transcript",),
        predictor="zoo.predicting.speech:Transcription",
    ),
    "speech-seq2seq": Kind(
        spec=SpeechSeq2SeqSpec,
        task="zoo.tasks.kinds.speech_seq2seq:SpeechSeq2Seq",
        head="AutoModelForSpeechSeq2Seq",
        roles=(("audio", "transcript"),),
        built_in=("morse",),
        scores=OF_TRANSCRIPTS,
        unit="tokens",
        may_be_blank=("transcript",),
        generates=True,
        predictor="zoo.predicting.speech:Hearing",
    ),
}


def kind_of(task: TaskSpec) -> Kind:
    """The entry of a recipe's kind of task, with what its `problem` changes in it."""
    entry, problem = KINDS[task.kind], PROBLEMS.get(getattr(task, "problem", ""))
    if problem is None:
        return entry
    return replace(entry, scores=problem.scores, classes=problem.classes, several=True)
