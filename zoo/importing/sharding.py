"""Stages of ZeRO and what is offloaded, of the words of DeepSpeed, accelerate and FSDP."""

from zoo.importing.account import Account

FSDP: dict[str, int | None] = {
    "full_shard": 3, "shard_grad_op": 2, "no_shard": 0, "hybrid_shard": 3, "hybrid_shard_zero2": 2,
    "auto_wrap": None, "offload": None, "1": 3, "2": 2, "3": 0, "4": 3, "5": 2,
}  # fmt: skip
"""FSDP's words (and accelerate's older numbers), and the stage of ZeRO that shards as much."""


def settle_sharding(account: Account) -> None:
    """Lays the stage, and the devices of state and weights."""
    stage = _fsdp_stage(account)
    offloads = "fsdp.offload" in account.ideas or "offload" in _fsdp_words(account)
    if offloads and stage:
        for part in ("optimizer", "param") if stage == 3 else ("optimizer",):
            to = f"parallel.zero.offload_{part}.device"
            if not account.use("fsdp.offload", to, "cpu"):
                account.lay(to, "cpu", None, "FSDP's offload")
    else:
        account.drop("fsdp.offload", "nothing is sharded", "no effect")
    if account.said("distributed") == "MULTI_GPU":
        account.use("distributed", "parallel.zero.stage", 0)
    else:
        account.drop("distributed", "the stage says how", "derived")


def _fsdp_stage(account: Account) -> int | None:
    """ZeRO's stage of FSDP's words, each of which is known or named."""
    said = [one for one in ("fsdp.strategy", "fsdp.reshard", "fsdp") if one in account.ideas]
    for idea in said[1:]:
        account.drop(idea, f"{account.ideas[said[0]][1].key} says it", "no effect")
    for idea in said[:1]:
        words = _fsdp_words(account, idea)
        strange = [one for one in words if one not in FSDP]
        stages = [stage for one in words if (stage := FSDP.get(one)) is not None]
        if stages:
            account.use(idea, "parallel.zero.stage", stages[0])
        if strange or not stages:
            allowed = ", ".join(FSDP)
            found = f"no {', '.join(strange)} among {allowed}" if strange else f"one of {allowed}"
            account.drop(idea, found)
        if stages:
            return stages[0]
    return None


def _fsdp_words(account: Account, idea: str = "fsdp") -> list[str]:
    """The words of one of FSDP's keys, in small letters."""
    said = account.said(idea, [])
    return [str(one).lower() for one in (said if isinstance(said, list) else str(said).split())]
