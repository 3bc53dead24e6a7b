"""The tools whose files can be brought here: one entry each."""

from zoo.importing.dialects.accelerate import ACCELERATE
from zoo.importing.dialects.arguments import ARGUMENTS
from zoo.importing.dialects.axolotl import AXOLOTL
from zoo.importing.dialects.command import COMMAND
from zoo.importing.dialects.deepspeed import DEEPSPEED
from zoo.importing.dialects.llama_factory import LLAMA_FACTORY
from zoo.importing.dialects.registry import REGISTRY
from zoo.importing.word import Dialect

DIALECTS: dict[str, Dialect] = {
    "deepspeed": DEEPSPEED,
    "accelerate": ACCELERATE,
    "arguments": ARGUMENTS,
    "axolotl": AXOLOTL,
    "llama-factory": LLAMA_FACTORY,
    "dataset-info": REGISTRY,
    "command": COMMAND,
}
