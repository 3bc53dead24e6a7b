"""The kinds of task that see images."""

from zoo.recipe.spec.tasks.detection import ObjectDetectionSpec
from zoo.recipe.spec.tasks.segmentation import SemanticSegmentationSpec
from zoo.recipe.spec.tasks.vision import ImageClassificationSpec
from zoo.recipe.vocabulary.kinds.kind import Kind
from zoo.recipe.vocabulary.kinds.usage import CLASSIFIES_IMAGES, DETECTS, SEGMENTS
from zoo.recipe.vocabulary.scores import (
    LOSS,
    MAP,
    MAP_50,
    MAP_75,
    MAP_LARGE,
    MAP_MEDIUM,
    MAP_SMALL,
    MEAN_ACCURACY,
    MIOU,
    PIXEL_ACCURACY,
    TOP_1,
    TOP_5,
)

VISION: dict[str, Kind] = {
    "image-classification": Kind(
        spec=ImageClassificationSpec,
        task="zoo.tasks.kinds.image_classification:ImageClassification",
        head="AutoModelForImageClassification",
        roles=(("image", "label"),),
        built_in=("digits",),
        scores={"top_1": TOP_1, "loss": LOSS, "top_5": TOP_5},
        classes=True,
        tokenizer=False,
        one_length=True,
        predictor="zoo.predicting.vision:ImageClasses",
        pipeline="image-classification",
        usage=CLASSIFIES_IMAGES,
    ),
    "object-detection": Kind(
        spec=ObjectDetectionSpec,
        task="zoo.tasks.kinds.object_detection:ObjectDetection",
        head="AutoModelForObjectDetection",
        roles=(("image", "objects"),),
        built_in=("shapes",),
        scores={
            "map": MAP,
            "loss": LOSS,
            "map_50": MAP_50,
            "map_75": MAP_75,
            "map_small": MAP_SMALL,
            "map_medium": MAP_MEDIUM,
            "map_large": MAP_LARGE,
        },
        unit="boxes",
        classes=True,
        least_classes=1,
        tokenizer=False,
        one_length=True,
        labels_enter=True,
        predictor="zoo.predicting.vision:Boxes",
        pipeline="object-detection",
        usage=DETECTS,
    ),
    "semantic-segmentation": Kind(
        spec=SemanticSegmentationSpec,
        task="zoo.tasks.kinds.semantic_segmentation:SemanticSegmentation",
        head="AutoModelForSemanticSegmentation",
        roles=(("image", "mask"),),
        built_in=("shapes",),
        scores={
            "miou": MIOU,
            "loss": LOSS,
            "pixel_accuracy": PIXEL_ACCURACY,
            "mean_accuracy": MEAN_ACCURACY,
        },
        unit="pixels",
        classes=True,
        tokenizer=False,
        one_length=True,
        predictor="zoo.predicting.vision:Masks",
        pipeline="image-segmentation",
        usage=SEGMENTS,
    ),
}
