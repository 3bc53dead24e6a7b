"""What each verb's `--help` shows at its end: commands as they are typed."""

from rich.markup import escape

EXAMPLES = {
    "list": ("zoo list", "zoo list --tiny", "zoo list --markdown"),
    "new": (
        "zoo new my.json --data reviews.csv",
        "zoo new my.json --from bert-base-mnli-finetune --data reviews.csv run.epochs=5",
    ),
    "import": (
        "zoo import ds_config.json --command 'run_clm.py --model_name_or_path gpt2'",
        "zoo import axolotl.yaml --out my.json --world-size 8",
    ),
    "report": (
        "zoo report runs/my",
        "zoo report runs/one runs/two --out compared.html",
        "zoo report runs/my --watch",
    ),
    "show": (
        "zoo show gpt2-small-openwebtext",
        "zoo show gpt2-small-openwebtext --diff gpt2-medium-openwebtext",
        "zoo show bert-base-mnli-finetune parallel=zero-2 --deepspeed --world-size 8",
        "zoo show gpt2-small-openwebtext --tiny parallel=zero-3 --memory --world-size 2",
    ),
    "explain": (
        "zoo explain run.batch",
        "zoo explain gpt2-small-openwebtext optimizer.params.lr",
        "zoo explain gpt2-small-openwebtext optimizer --tiny",
    ),
    "check": ("zoo check my.json", "zoo check my.json --deep"),
    "compat": (
        "zoo compat bert-base-mnli-finetune",
        "zoo compat bert-base-mnli-finetune parallel=zero-3 run.precision=fp16",
        "zoo compat",
    ),
    "schema": ("zoo schema",),
    "data": ("zoo data resnet50-imagenet --tiny", "zoo data my.json --json"),
    "prepare": ("zoo prepare my.json", "zoo prepare my.json --processes 8"),
    "train": (
        "zoo train resnet50-imagenet --tiny run.steps=100",
        "zoo train my.json parallel=zero-2 run.precision=bf16",
        "zoo train runs/my",
    ),
    "launch": (
        "zoo launch gpt2-small-openwebtext --tiny --per-node 2",
        "zoo launch my.json --with slurm --nodes 2 --per-node 8 --dry-run",
    ),
    "sweep": (
        "zoo sweep resnet50-imagenet --tiny 'optimizer.params.lr=[0.01,0.002]' --seeds 2",
        "zoo sweep my.json 'optimizer.params.betas=[[0.9,0.95],[0.9,0.99]]' --table",
        "zoo sweep my.json 'run.batch=[32,64]' --with slurm --at-once 4 --dry-run",
    ),
    "advise": ("zoo advise gpt2-small-openwebtext --tiny --bandwidth 1Gbit/s --nodes 2",),
    "eval": ("zoo eval runs/my", "zoo eval runs/my --split test --json"),
    "export": ("zoo export runs/my my-model", "zoo export runs/my my-model --merged"),
    "predict": (
        "zoo predict runs/my 'a text'",
        "zoo predict runs/my photos/*.jpg --json --out answers",
    ),
}


def epilog(verb: str) -> str:
    """The end of a verb's help, a line an example."""
    return "\n\n".join(["Examples:", *(f"[bold]$[/bold] {escape(one)}" for one in EXAMPLES[verb])])
