"""Pixels as workers hand them over: planes of bytes, uint8 (channels, height, width)."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The image in a mode of Pillow; itself where it is, uncopied."""
    return image if image.mode == mode else image.convert(mode)


def planes_of(image: Image.Image) -> np.ndarray:
    """The planes of a gray or an RGB image."""
    values = np.asarray(image)
    values = values if values.ndim == 3 else values[..., None]
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def image_of(planes: np.ndarray) -> Image.Image:
    """The image of one plane or three."""
    return Image.fromarray(planes[0] if len(planes) == 1 else np.moveaxis(planes, 0, -1))


def stacked(planes: list[np.ndarray]) -> Tensor:
    """Images of one size as uint8 (batch, channels, height, width)."""
    return torch.from_numpy(np.stack(planes))
