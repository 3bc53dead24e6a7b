"""What changes in an image together with its mask; pixels of the mask are never made up."""

import numpy as np
from PIL import Image

from zoo.recipe.spec.tasks.segmentation import MaskAugment, ScaledCrop
from zoo.recipe.spec.tasks.vision import Affine
from zoo.tasks.task import IGNORE
from zoo.tasks.vision.augment.geometry import affine_map, carried
from zoo.tasks.vision.augment.photometric import photometric
from zoo.tasks.vision.scaling import Scaling

Pair = tuple[Image.Image, np.ndarray]
"""An image, and the classes of its pixels (height, width), IGNORE where there is no target."""

_TRIES = 10


def augmented_pair(
    image: Image.Image,
    mask: np.ndarray,
    size: tuple[int, int],
    augment: MaskAugment,
    scaling: Scaling,
    rng: np.random.Generator,
) -> Pair:
    """Both after all that `augment` asks for, of `size` (height, width)."""
    if augment.affine:
        image, mask = _moved(image, mask, augment.affine, scaling.fill, rng)
    if augment.crop:
        image, mask = scaled_crop(image, mask, size, augment.crop, scaling, rng)
    else:
        image, mask = scaling.resized(image, *size), resized(mask, *size)
    if rng.random() < augment.hflip:
        image, mask = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), mask[:, ::-1]
    if rng.random() < augment.vflip:
        image, mask = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), mask[::-1]
    if augment.photometric:
        image = photometric(image, augment.photometric, rng)
    return image, mask


def resized(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """The nearest pixel of each new one, by their middles, as Pillow's NEAREST."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.int64)
    found: np.ndarray = mask[rows[:, None], columns]
    return found


def scaled_crop(
    image: Image.Image,
    mask: np.ndarray,
    size: tuple[int, int],
    crop: ScaledCrop,
    scaling: Scaling,
    rng: np.random.Generator,
) -> Pair:
    """A piece of `size` out of both at a random scale; where they are smaller, nothing is learnt
    (mmsegmentation: Resize with ratio_range, RandomCrop with cat_max_ratio, Pad).
    """
    factor = rng.uniform(*crop.ratio_range) * min(size) / min(image.size)
    width, height = (max(1, round(edge * factor)) for edge in image.size)
    image, mask = scaling.resized(image, height, width), resized(mask, height, width)
    for _ in range(_TRIES):
        top = int(rng.integers(max(0, height - size[0]) + 1))
        left = int(rng.integers(max(0, width - size[1]) + 1))
        piece = mask[top : top + size[0], left : left + size[1]]
        if crop.cat_max_ratio == 1 or _largest_share(piece) < crop.cat_max_ratio:
            break
    high, wide = piece.shape
    picture = Image.new(image.mode, size[::-1], scaling.paint)
    picture.paste(image.crop((left, top, left + wide, top + high)))
    return picture, np.pad(
        piece, ((0, size[0] - high), (0, size[1] - wide)), constant_values=IGNORE
    )


def _largest_share(piece: np.ndarray) -> float:
    """The share of the commonest class among the targets of a piece; 1 where there is only one."""
    counts = np.bincount(piece[piece != IGNORE])
    return float(counts.max() / counts.sum()) if (counts > 0).sum() > 1 else 1.0


def _moved(
    image: Image.Image,
    mask: np.ndarray,
    affine: Affine,
    fill: tuple[int, ...],
    rng: np.random.Generator,
) -> Pair:
    where = affine_map(image.size, affine, rng)
    numbers = Image.fromarray(mask.astype(np.int32))
    numbers = carried(numbers, where, (IGNORE,), Image.Resampling.NEAREST)
    return carried(image, where, fill), np.asarray(numbers).astype(np.int16)
