"""Pictures of answers: boxes and masks over the image that they are about, with their names."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
_GOLDEN = 0.618034  # hues a golden section apart: neighbours in a list of classes look different
_LETTERS = 10  # pixels of the smallest that are written
_VEIL = 0.5  # how much of a mask's colour lies over the image


def colour(number: int) -> Colour:
    """The same colour for the same class, bright and unlike those of its neighbours."""
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1, 0.85, 0.95)
    return round(255 * red), round(255 * green), round(255 * blue)


def with_boxes(
    image: Image.Image,
    boxes: Sequence[Mapping[str, Any]],
    numbers: Mapping[str, int],
    scale: float = 1.0,
) -> Image.Image:
    """An RGB image, made larger by `scale`, with boxes as transformers' pipeline gives them (label,
    corners, and the score of an answer), each in its class's colour.
    """
    picture = scaled(image, scale)
    draw = ImageDraw.Draw(picture)
    for one in reversed(boxes):  # the best lies on top
        shade, box = colour(numbers[one["label"]]), one["box"]
        corners = [scale * box[edge] for edge in ("xmin", "ymin", "xmax", "ymax")]
        draw.rectangle(corners, outline=shade, width=max(1, round(min(picture.size) / 200)))
        score = f" {one['score']:.2f}" if "score" in one else ""
        _name(draw, one["label"] + score, (corners[0], corners[1]), shade)
    return picture


def with_masks(
    image: Image.Image,
    masks: Sequence[tuple[str, np.ndarray]],
    numbers: Mapping[str, int],
    scale: float = 1.0,
) -> Image.Image:
    """An RGB image under masks bool (height, width), each in its class's colour, made larger by
    `scale`, and a legend.
    """
    pixels = np.asarray(image).astype(np.float32)
    for label, mask in masks:
        shade = np.array(colour(numbers[label]), np.float32)
        pixels[mask] = (1 - _VEIL) * pixels[mask] + _VEIL * shade
    picture = scaled(Image.fromarray(pixels.round().astype(np.uint8)), scale)
    draw, top = ImageDraw.Draw(picture), 0.0
    for label, _ in masks:
        top = _name(draw, label, (0, top), colour(numbers[label]))
    return picture


def scaled(image: Image.Image, scale: float) -> Image.Image:
    """A copy with sides so many times those of an image; its pixels become whole larger ones."""
    if scale == 1:
        return image.copy()
    sides = [max(1, round(scale * side)) for side in image.size]
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BILINEAR
    return image.resize((sides[0], sides[1]), how)


def _name(draw: ImageDraw.ImageDraw, text: str, place: tuple[float, float], shade: Colour) -> float:
    """Writes black on the colour at a place; returns where its lower edge is."""
    width, height = draw.im.size
    font = ImageFont.load_default(max(_LETTERS, min(width, height) / 26))
    left, top, right, bottom = draw.textbbox(place, text, font=font)
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=shade)
    draw.text(place, text, fill=(0, 0, 0), font=font)
    return bottom + 2
