"""The section `model`: what the exported Hugging Face folder holds, and which of it is trained."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from zoo.recipe.spec.words import Folder, Of, Positive, Spec, Text, Tokens

Template = Literal["chatml", "llama3", "zephyr", "alpaca"]
"""Chat templates that come with us."""
TEMPLATES: tuple[str, ...] = get_args(Template)


class TrainedTokenizer(Spec):
    """A tokenizer trained on the train splits."""

    train: Literal["bpe", "wordpiece", "unigram"]
    """Which algorithm."""
    vocab_size: Tokens
    """Size of the vocabulary, special tokens included."""
    lowercase: bool = False
    """Lower-case the text first."""


class Bnb4bit(Spec):
    """How an adapter's base is kept in 4 bits (QLoRA), in bitsandbytes' words."""

    quant_type: Literal["nf4", "fp4"] = "nf4"
    """The sixteen values: quantiles of a normal distribution, or floating-point numbers."""
    use_double_quant: bool = True
    """Keep the scales of the blocks in 8 bits too: 0.4 bits a weight less."""


class Lora(Spec):
    """A low-rank adapter, in PEFT's words; the base stays as it is and stands in no checkpoint."""

    r: Annotated[Positive, Of("columns")] = 8
    """Rank of the two matrices whose product is added."""
    alpha: Positive = 8
    """What is added is times `alpha / r` (PEFT's lora_alpha)."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout of the adapter's input."""
    target_modules: Literal["all-linear"] | tuple[Text, ...] | None = None
    """Endings of the names of the matrices that get one (`q_proj`), or all but the output layer;
    absent: PEFT's default of the family, attention's queries and values."""
    modules_to_save: tuple[Text, ...] = ()
    """Endings of the names of modules that are trained whole beside it: heads the base lacks."""
    use_rslora: bool = False
    """What is added is times `alpha / sqrt(r)`: learning does not fade as ranks grow."""
    use_dora: bool = False
    """Train the lengths of a matrix's rows apart from their directions (arXiv 2402.09353)."""
    bnb_4bit: Bnb4bit | None = None
    """Keep the base's linear layers, but for the output layer, in 4 bits (QLoRA); absent: in
    run.precision. Needs bitsandbytes."""


class ModelSpec(Spec):
    """What the exported Hugging Face folder holds, and which of it is trained."""

    name: Folder | None = None
    """Hub id or folder (starts with `.`, `/` or `~`): config, weights, tokenizer, processor."""
    revision: Text | None = None
    """Commit, tag or branch of `name`."""
    config: dict[str, Any] = Field(default_factory=dict)
    """Without `name` the architecture, `model_type` first; with `name` changes to its config."""
    weights: Folder | None = None
    """`random`, hub id, Hugging Face folder or run folder; absent: `name`'s, else random."""
    tokenizer: Text | TrainedTokenizer | None = None
    """`bytes`, `characters`, a name, or one to train; absent: `name`'s."""
    chat_template: Template | Folder | None = None
    """How chats become text: one of these, or a file in Jinja (starts with `.`, `/` or `~`);
    absent: the tokenizer's own, ChatML for one that is made here. It is exported with the
    tokenizer, whose end of text becomes what ends an answer."""
    processor: dict[str, Any] = Field(default_factory=dict)
    """Inline preprocessor_config.json: mean, std, sampling_rate, feature_size. No sizes."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    """Attention implementation."""
    freeze: tuple[Text, ...] = ()
    """Patterns of parameters without gradient and optimizer state."""
    lora: Lora | None = None
    """Train a low-rank adapter in place of the weights; absent: the weights."""
    batch_norm: Literal["local", "synchronized", "frozen"] = "local"
    """What BatchNorm does; `synchronized` runs on GPUs only."""
    trust_remote_code: bool = False
    """Run code that comes with `name`."""
    license: Text | None = None
    """Licence of what is exported, for its card, by its id on the hub (apache-2.0, cc-by-4.0);
    absent: that of the model it starts from, where that one's card says so."""
    language: tuple[Text, ...] = ()
    """Languages of what the model reads, hears or writes, for its card: ISO codes such as en."""
    parameters: Annotated[Positive, Of("parameters")] | None = None
    """How many parameters, for `zoo list`."""
