"""ResNet in pieces: the forward of ResNetModel and ResNetForImageClassification, block by block."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.models.stage import Family, Hidden, Outputs


def embed(model: Any, inputs: Mapping[str, Tensor]) -> Hidden:
    """The stem; images have no mask."""
    return model.resnet.embedder(inputs["pixel_values"]), None


def head(model: Any, hidden: Tensor, mask: Tensor | None) -> Outputs:
    """Logits over the classes, from the mean over the picture."""
    found = model.classifier(model.resnet.pooler(hidden))
    return {"logits": found}


FAMILY = Family(
    first=("resnet.embedder",),
    layers="resnet.encoder.stages.*.layers.*",
    embed=embed,
    head=head,
    no_tensor="whose matrices are convolutions, which no rank holds in part",
)
