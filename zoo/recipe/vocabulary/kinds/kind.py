"""What an entry of a kind of task says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoo.recipe.spec.task import TaskSpec
from zoo.recipe.vocabulary.scores import Score


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
    flags: bool = False
    """Its labels say yes or no."""
    tokenizer: bool = True
    """Needs a tokenizer."""
    may_be_blank: tuple[str, ...] = ()
    """Roles of text that may be blank in a row; others make it a corrupt one."""
    may_be_chats: tuple[str, ...] = ()
    """Roles of text that may hold a chat, or turns of one, in its place."""
    amounts: Mapping[str, str] = field(default_factory=dict)
    """What `run.batch_unit` may be beside examples, and by each the key that bounds an example's;
    empty where the model gets examples of one size."""
    sides: int = 1
    """How many texts the model reads of an example, each a row of its batch."""
    one_length: bool = False
    """All its examples have one length."""
    labels_enter: bool = False
    """Its model takes the labels and computes a loss inside: not in a pipeline."""
    generates: bool = False
    """Its evaluation generates with the whole model: not in a pipeline."""
    predictor: str = ""
    """`module:name` of the class in predicting/ that answers with its exported model."""
    pipeline: str = ""
    """What the hub calls the task (`pipeline_tag`); empty: it has no word."""
    usage: str = ""
    """Python that answers once with the exported folder `.`, as its card shows it; what it reads
    is called `text`, `image.jpg` or `speech.wav`."""

    usage_of_chats: str = ""
    """The same where its tokenizer has a chat template; empty: no other."""

    @property
    def headline(self) -> str:
        """The score that tells the best checkpoint."""
        return next(iter(self.scores))

    def named(self, key: str) -> Score | None:
        """The score under a name such as `valid/loss`; None for one that is not among them."""
        return self.scores.get(key.rpartition("/")[2])

    def larger_is_better(self, key: str) -> bool:
        """The direction of a score under a name such as `valid/loss`; smaller where not known."""
        score = self.named(key)
        return score is not None and score.larger_is_better
