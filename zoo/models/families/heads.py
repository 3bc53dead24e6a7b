"""A model's own head over hidden states that came from elsewhere: its whole forward, less the base
model's.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling, ModelOutput

from zoo.models.stage import Outputs


def encoder_head(model: PreTrainedModel, hidden: Tensor, mask: Tensor | None = None) -> Outputs:
    """The output of an encoder's head, whichever it has, over its last hidden states.

    BERT's pooler is part of its base model, and heads over whole texts look for what it gives.
    """
    pooler = getattr(model.base_model, "pooler", None)
    pooled = None if pooler is None else pooler(hidden)
    done = BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled)
    return around_base(model, done, **{model.main_input_name: None})


def around_base(model: PreTrainedModel, done: ModelOutput, **inputs: Any) -> Outputs:
    """The output of the model's forward around a base model that gives `done`."""
    with instead({model.base_model: lambda *args, **options: done}):
        outputs: Outputs = model(**inputs)
    return outputs


@contextmanager
def instead(forwards: Mapping[nn.Module, Callable[..., Any]]) -> Iterator[None]:
    """Other forwards for some modules, for a while."""
    kept = {module: vars(module).get("forward") for module in forwards}
    try:
        for module, forward in forwards.items():
            module.forward = forward
        yield
    finally:
        for module, own in kept.items():
            del module.forward
            if own is not None:
                module.forward = own
