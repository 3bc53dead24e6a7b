"""Rules about the model."""

from zoo.errors import near
from zoo.recipe.checks.rules.rule import Rule
from zoo.recipe.compose.json_text import brief
from zoo.recipe.derived.adapter import exports_adapter, in_4_bits
from zoo.recipe.derived.exchange import zero_stage
from zoo.recipe.recipe import Recipe
from zoo.recipe.spec.model import TEMPLATES
from zoo.recipe.vocabulary.kinds import KINDS, kind_of


def no_tokenizer(recipe: Recipe) -> str:
    """No tokenizer where the task needs one."""
    absent = recipe.model.tokenizer is None and recipe.model.name is None
    needed = KINDS[recipe.task.kind].tokenizer
    return f"nothing, with task.kind {recipe.task.kind}" if needed and absent else ""


def no_model(recipe: Recipe) -> str:
    """Neither a name nor an architecture."""
    return "" if recipe.model.name or recipe.model.config else "neither model.name nor model.config"


def revision_of_nothing(recipe: Recipe) -> str:
    """A revision without a name."""
    model = recipe.model
    alone = model.revision and not model.name
    return f"{brief(model.revision)} without model.name" if alone else ""


def flash_in_fp32(recipe: Recipe) -> str:
    """Flash attention in a precision that it has no kernels for."""
    flash = recipe.model.attention == "flash_attention_2" and recipe.run.precision == "fp32"
    return "flash_attention_2 with run.precision fp32" if flash else ""


def all_frozen(recipe: Recipe) -> str:
    """A pattern that leaves nothing to train."""
    freeze = recipe.model.freeze
    return f"{brief(list(freeze))}" if "*" in freeze else ""


def adapter_of_nothing(recipe: Recipe) -> str:
    """An adapter alone whose base nobody could load."""
    model = recipe.model
    drawn = (model.weights or model.name or "random") == "random"
    return "an adapter of random weights" if drawn and exports_adapter(recipe) else ""


def merged_nothing(recipe: Recipe) -> str:
    """A merged export without an adapter."""
    alone = recipe.run.export_merged and not recipe.model.lora
    return "true without model.lora" if alone else ""


def merged_4_bits(recipe: Recipe) -> str:
    """A merged export of an adapter that was trained over rounded weights."""
    return "true with model.lora.bnb_4bit" if recipe.run.export_merged and in_4_bits(recipe) else ""


def torn_4_bits(recipe: Recipe) -> str:
    """Tensor ranks that would share out matrices in 4 bits."""
    ranks = recipe.parallel.tensor
    return f"a base in 4 bits on {ranks} tensor ranks" if ranks > 1 and in_4_bits(recipe) else ""


def dora_of_shared_4_bits(recipe: Recipe) -> str:
    """DoRA over a base in 4 bits that ZeRO 3 partitions."""
    lora = recipe.model.lora
    dora = lora is not None and lora.use_dora and lora.bnb_4bit is not None
    return "true with model.lora.bnb_4bit at ZeRO 3" if dora and zero_stage(recipe) == 3 else ""


def unknown_template(recipe: Recipe) -> str:
    """A chat template that is neither one of ours nor looks like a path."""
    chosen = recipe.model.chat_template
    known = chosen is None or chosen in TEMPLATES or chosen.startswith((".", "/", "~"))
    return "" if known else brief(chosen)


def near_template(recipe: Recipe) -> str:
    """The name that is meant, or the path with its dot."""
    chosen = str(recipe.model.chat_template)
    path = f"./{chosen}" if "/" in chosen or "." in chosen else ""
    nearest = path or near(chosen, TEMPLATES)
    return f"model.chat_template={nearest}" if nearest else ""


def template_without_chats(recipe: Recipe) -> str:
    """A chat template for a kind that reads none."""
    entry = kind_of(recipe.task)
    reads = entry.head == "AutoModelForCausalLM" or entry.may_be_chats
    alone = recipe.model.chat_template and not reads
    return f"{brief(recipe.model.chat_template)} with task.kind {recipe.task.kind}" if alone else ""


MODEL_RULES = (
    Rule(
        "chat template",
        "model.chat_template",
        unknown_template,
        f"{', '.join(TEMPLATES)}, or a file in Jinja as a path: ./chat.jinja",
        "there is no other template here",
        near_template,
    ),
    Rule(
        "template of chats",
        "model.chat_template",
        template_without_chats,
        "together with a kind that reads chats",
        "nothing else is written by it",
        "model.chat_template=unset",
        beside=("task.kind",),
    ),
    Rule(
        "tokenizer",
        "model.tokenizer",
        no_tokenizer,
        "bytes, characters, a name, or an object of train, vocab_size, lowercase",
        "without model.name there is none to take",
        "model.tokenizer=bytes",
        beside=("task.kind",),
    ),
    Rule(
        "architecture",
        "model",
        no_model,
        "a hub id or folder as model.name, or an architecture as model.config",
        "there is nothing to build",
    ),
    Rule(
        "revision",
        "model.revision",
        revision_of_nothing,
        "together with model.name",
        "it is a revision of that name",
        "model.revision=unset",
    ),
    Rule(
        "flash attention",
        "model.attention",
        flash_in_fp32,
        "sdpa or eager, or run.precision bf16 or fp16",
        "flash attention has no fp32 kernels",
        "model.attention=sdpa",
        beside=("run.precision",),
    ),
    Rule(
        "something to train",
        "model.freeze",
        all_frozen,
        "patterns that leave parameters to train",
        "* matches every parameter",
    ),
    Rule(
        "adapter's base",
        "model.lora",
        adapter_of_nothing,
        "together with model.name or model.weights, which hold the base, or run.export_merged=true",
        "an adapter is loaded on the weights that it was trained on",
        "model.lora=unset",
        beside=("model.weights", "run.export_merged"),
    ),
    Rule(
        "merged export",
        "run.export_merged",
        merged_nothing,
        "false, or model.lora",
        "there is no adapter to add in",
        "run.export_merged=false",
        beside=("model.lora",),
    ),
    Rule(
        "merged export of 4 bits",
        "run.export_merged",
        merged_4_bits,
        "false, or a base in run.precision (model.lora.bnb_4bit=unset)",
        "the adapter was trained over rounded weights, and added to others it is another model",
        "run.export_merged=false",
        beside=("model.lora.bnb_4bit",),
    ),
    Rule(
        "DoRA of 4 bits",
        "model.lora.use_dora",
        dora_of_shared_4_bits,
        "false, or ZeRO 0 to 2",
        "PEFT unpacks the matrix beside its layer, where ZeRO 3 has gathered nothing",
        "parallel.zero.stage=2",
        source="peft/utils/integrations.py: module.weight = module.weight.to(device)",
        beside=("parallel.zero.stage", "model.lora.bnb_4bit"),
    ),
    Rule(
        "blocks of 4 bits",
        "model.lora.bnb_4bit",
        torn_4_bits,
        "with parallel.tensor 1; ZeRO and pipeline stages share such a base out",
        "blocks of weights have a scale together, and slices would have other ones",
        "parallel.tensor=1",
        beside=("parallel.tensor",),
    ),
)
