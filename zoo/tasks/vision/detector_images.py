"""From an image of any size to what a detector reads: the family's own processor of transformers.

It frames training, evaluation and the exported folder alike.
"""

from typing import Any

from transformers import AutoImageProcessor
from transformers.models.auto.image_processing_auto import (
    IMAGE_PROCESSOR_MAPPING_NAMES,
    get_image_processor_class_from_name,
)

from zoo.errors import Fault
from zoo.recipe import Recipe
from zoo.recipe.spec.tasks.detection import ObjectDetectionSpec
from zoo.tasks.brought import brought
from zoo.tasks.roles import fault
from zoo.tasks.vision.scaling import Scaling

_ALIKE = {
    "rt_detr_v2": "rt_detr",
    "d_fine": "rt_detr",
    "dab-detr": "detr",
}  # have none of their own
_VALUES = ("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "resample")


def build_processor(recipe: Recipe, model_type: str) -> tuple[Any, list[Fault]]:
    """The processor of `model.name`, else the family's, at the task's size and with the values of
    `model.processor`; and faults of its keys, or of a family that has none.
    """
    given = recipe.model.processor
    strays = sorted(set(given) - {*_VALUES, "image_processor_type"})
    allowed = f"{', '.join(_VALUES)} (sizes are the task's)"
    faults = [fault(recipe, f"model.processor.{key}", "this key", allowed) for key in strays]
    own = brought(recipe, AutoImageProcessor, backend="pil")
    made = _family(model_type) if own is None else type(own)
    if made is None:
        return None, [*faults, fault(recipe, "model", model_type, "a family of DETR's")]
    spec = recipe.task
    assert isinstance(spec, ObjectDetectionSpec)
    words = {
        **({} if own is None else own.to_dict()),
        **{key: given[key] for key in _VALUES if key in given},
        "size": size_words(spec),
        "do_resize": True,
        "do_pad": bool(spec.longest_edge),
        "pad_size": None,
    }
    return made.from_dict(words), faults


def size_words(spec: ObjectDetectionSpec, shortest: int | None = None) -> dict[str, int]:
    """A size as transformers' processors write it: the task's, or with another shorter edge."""
    given = spec.image_size
    height, width = (given, given) if isinstance(given, int) else given
    shorter = shortest or min(height, width)
    if spec.longest_edge:
        return {"shortest_edge": shorter, "longest_edge": spec.longest_edge}
    low = min(height, width)
    return {"height": round(height * shorter / low), "width": round(width * shorter / low)}


def fill_of(processor: Any) -> tuple[int, int, int]:
    """The colour, a byte a channel, whose values lie nearest to 0."""
    if not processor.do_normalize:
        return (0, 0, 0)
    red, green, blue = (round(min(1.0, max(0.0, v)) * 255) for v in processor.image_mean)
    return red, green, blue


def scaling_of(processor: Any) -> Scaling:
    """What a processor does to values."""
    return Scaling(
        tuple(processor.image_mean or ()),
        tuple(processor.image_std or ()),
        float(processor.rescale_factor or 1),
        int(processor.resample),
        bool(processor.do_rescale),
        bool(processor.do_normalize),
    )


def size_faults(recipe: Recipe, spec: ObjectDetectionSpec, config: Any) -> list[Fault]:
    """What a longest edge asks of sizes, and a hybrid encoder, whose maps are doubled and laid on
    each other.
    """
    if spec.longest_edge and not isinstance(spec.image_size, int):
        allowed = "one number, the shorter edge, with task.longest_edge"
        return [fault(recipe, "task.image_size", str(list(spec.image_size)), allowed)]
    strides = getattr(config, "feat_strides", None)
    if not strides:
        return []
    stride, kind = max(strides), config.model_type
    if spec.longest_edge:
        allowed = f"nothing: maps of {kind} must fit into each other, images have one size"
        return [fault(recipe, "task.longest_edge", str(spec.longest_edge), allowed)]
    sizes = [("task.image_size", size_words(spec))]
    sizes += [("task.augment.sizes", size_words(spec, one)) for one in spec.augment.sizes or ()]
    allowed = f"multiples of {stride}, the largest of the model's feat_strides"
    return [
        fault(recipe, key, f"{size['height']} x {size['width']}", allowed)
        for key, size in sizes
        if any(edge % stride for edge in size.values())
    ]


def precision_faults(recipe: Recipe, config: Any) -> list[Fault]:
    """Noisy copies of boxes are fp32 in transformers, which layers of another precision refuse."""
    precision, copies = recipe.run.precision, getattr(config, "num_denoising", 0)
    if precision == "fp32" or not copies:
        return []
    allowed = f"fp32, or model.config.num_denoising 0: {config.model_type} draws noisy copies in it"
    return [fault(recipe, "run.precision", precision, allowed)]


def _family(model_type: str) -> Any | None:
    """The processor class of a family."""
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(_ALIKE.get(model_type, model_type), {})
    return get_image_processor_class_from_name(names["pil"]) if "pil" in names else None
