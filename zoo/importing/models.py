"""What the model starts from, its adapter, and what is learned from preferences."""

from zoo.importing.account import Account
from zoo.importing.command import number
from zoo.importing.dialects.peft import BASE
from zoo.recipe.vocabulary.kinds.losses import KEYS, LOSSES

PREFERENCE = "preference"


def trained_by(account: Account) -> str:
    """The name of the script of a command line."""
    return str(account.said("script", "")).removesuffix(".py")


def stage_of(account: Account) -> str:
    """LLaMA-Factory's word for what is trained."""
    return str(account.said("stage", ""))


def loss_of(account: Account) -> str:
    """What is learned from preferences by the word of some tool, under the zoo's name."""
    said = str(account.said("rl", ""))
    return {"sigmoid": "dpo"}.get(said, said)


def settle_losses(account: Account) -> None:
    """What is learned from preferences, under the zoo's names."""
    loss = loss_of(account)
    if account.at(("task", "kind")) != PREFERENCE:
        scripted = "script" in account.ideas or "stage" in account.ideas
        why = "nothing is learned from preferences" if scripted else f"one of {', '.join(LOSSES)}"
        account.drop("rl", why)
        return
    if loss in LOSSES:
        account.use("rl", "task.loss", loss)
    elif loss:
        account.drop("rl", f"task.loss is one of {', '.join(LOSSES)}")
    if (own := trained_by(account) or stage_of(account)) in ("kto", "orpo"):
        account.lay("task.loss", own, None, f"what {own} learns")
    chosen = LOSSES[account.at(("task", "loss")) or "dpo"]
    for key in KEYS:
        if key not in chosen.keys:
            account.take_away(("task", key), "task.loss does not read it")


def settle_model(account: Account) -> None:
    """What the model starts from, its template of chats, and its adapter."""
    if "model" in account.sections and "name" in account.sections["model"]:
        account.drop("config_name", "model.name brings its config", "no effect")
    elif account.use("config_name", "model.name"):
        account.lay("model.weights", "random", None, "a config without weights")
    for pair in str(account.said("config_overrides", "")).split(","):
        name, equal, value = pair.partition("=")
        if equal:
            account.lay(f"model.config.{name.strip()}", number(value.strip()))
    template = str(account.said("template"))
    if template in account.choices("model.chat_template") or template.startswith((".", "/", "~")):
        account.use("template", "model.chat_template")
    else:
        account.drop("template", "the tokenizer's own", "derived")
    _adapter(account)


def _adapter(account: Account) -> None:
    """A low-rank adapter where one is asked for, with the tool's own rank."""
    if account.said("adapter", "lora") not in ("lora", "qlora"):
        account.drop("adapter", "all parameters are trained", "no effect")
        for idea in ("lora.rank", "lora.alpha", *IN_4_BITS):
            account.drop(idea, "of an adapter, and none is trained", "no effect")
        account.take_away(("model", "lora"), "of an adapter, and none is trained")
        return
    rank = account.said("lora.rank")
    account.use("lora.rank", "model.lora.r")
    if not account.use("lora.alpha", "model.lora.alpha") and rank:
        account.lay("model.lora.alpha", 2 * rank, None, "twice the rank, as it is not said")
    if "adapter" in account.ideas and account.at(("model", "lora")) is None:
        account.lay("model.lora", {}, account.ideas["adapter"][1])
    if "adapter" in account.ideas:
        account.ideas["adapter"][1].to = "model.lora"
    _base_in_4_bits(account)


IN_4_BITS = ("4bit", "4bit.type", "4bit.double")


def _base_in_4_bits(account: Account) -> None:
    """How the base of an adapter is kept, where a file asks for 4 bits."""
    if not account.said("4bit"):
        for idea in IN_4_BITS:
            account.drop(idea, "of a base in 4 bits, and none is asked for", "no effect")
        return
    account.use("4bit", BASE, dict(account.said("4bit")))
    account.use("4bit.type", f"{BASE}.quant_type")
    account.use("4bit.double", f"{BASE}.use_double_quant", account.said("4bit.double") == "yes")
