"""Readies the server that rank processes are forked from: the environment that torch and deepspeed
must find, and what each run would else load or work out for itself, often longer than it trains."""

import gc
import os
from importlib import import_module

os.environ["DS_ACCELERATOR"] = "cpu"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"

FAMILIES = ("bert", "gpt2", "llama", "parakeet", "resnet", "vit")
MODULES = (
    *("pytest", "tests.runs"),  # every rank loads the test module that its function stands in
    *("zoo.tasks.kinds.causal_lm", "zoo.tasks.kinds.ctc", "zoo.tasks.kinds.image_classification"),
    *("deepspeed.module_inject.auto_ep_layer", "deepspeed.utils.pin_memory"),
    *("zoo.cli", "zoo.training.run", "zoo.data.sources.hub", "sklearn.datasets"),
    "zoo.data.sources.files",
    "deepspeed.runtime.superoffload.superoffload_stage3",
    *("transformers.tokenization_python", "transformers.models.auto.processing_auto"),
    *(f"transformers.models.{family}.modeling_{family}" for family in FAMILIES),
)
for name in MODULES:
    import_module(name)

import_module("zoo.engines.upstream").load_muon_uncompiled()
import_module("zoo.data.builtin.text").library_files()
# DeepSpeed asks the compiler which of its kernels could be built, transformers compiles a thousand
# patterns of weights' names; all keep the answer.
import_module("deepspeed").ops.__compatible_ops__  # noqa: B018
import_module("transformers.conversion_mapping").get_checkpoint_conversion_mapping("bert")

# Millions of objects that live for ever: else each rank looks through them, and copies their pages.
gc.collect()
gc.freeze()
