"""Inputs of a model as pictures: images with boxes and masks, spectrograms, waves."""

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from zoo.predicting.drawing import with_boxes, with_masks

_HEIGHT = 64  # of a wave, pixels
_ALIKE = 4  # times a small picture may be enlarged
_SMALL = 160  # pixels; what is lower or narrower is enlarged


def data_uri(picture: Image.Image) -> str:
    """A picture as a PNG that stands in a page itself."""
    written = io.BytesIO()
    picture.save(written, "PNG")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def image_of(values: Tensor) -> Image.Image:
    """An image (channels, height, width) whose least value is black and whose most is white."""
    return enlarged(Image.fromarray(_bytes(values.movedim(0, -1)).squeeze()).convert("RGB"))


def spectrogram_of(values: Tensor) -> Image.Image:
    """Features (bins, frames) with low frequencies at the bottom, louder brighter."""
    return enlarged(Image.fromarray(_bytes(values)[::-1].copy()))


def wave_of(samples: Tensor, width: int = 480) -> Image.Image:
    """Samples as the line between the least and the most of each column's stretch."""
    line = np.full((_HEIGHT, width), 255, dtype=np.uint8)
    values = samples.float().numpy()
    most = max(float(np.abs(values).max(initial=0)), 1e-9)
    for column, part in enumerate(np.array_split(values / most, width)):
        if len(part):
            low, high = ((1 - side) / 2 * (_HEIGHT - 1) for side in (part.max(), part.min()))
            line[int(low) : int(high) + 1, column] = 0
    return Image.fromarray(line)


def enlarged(picture: Image.Image) -> Image.Image:
    """A picture of few pixels in whole larger ones."""
    times = max(1, min(_ALIKE, _SMALL // min(picture.size)))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def boxed(picture: Image.Image, boxes: Tensor, names: Sequence[str]) -> Image.Image:
    """A picture with boxes (boxes, 4): centre, width and height as shares of its sides."""
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    width, height = picture.size
    found = []
    for (x, y, across, down), name in zip(boxes.tolist(), names, strict=True):
        corners = {
            "xmin": (x - across / 2) * width,
            "ymin": (y - down / 2) * height,
            "xmax": (x + across / 2) * width,
            "ymax": (y + down / 2) * height,
        }
        found.append({"label": name, "box": corners})
    return with_boxes(picture, found, numbers)


def masked(picture: Image.Image, mask: Tensor, names: Mapping[int, str]) -> Image.Image:
    """A picture under the classes of its pixels (height, width); ids without a name are none."""
    present = [number for number in np.unique(mask.numpy()).tolist() if number in names]
    shape = (picture.height, picture.width)
    ids = np.asarray(Image.fromarray(mask.numpy().astype(np.int32)).resize(shape[::-1], 0))
    layers = [(names[number], ids == number) for number in present]
    return with_masks(picture, layers, {names[number]: number for number in present})


def _bytes(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.float().numpy()
    low, high = float(array.min()), float(array.max())
    scaled: np.ndarray = (array - low) / max(high - low, 1e-9) * 255
    return scaled.round().astype(np.uint8)
