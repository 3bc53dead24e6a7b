"""The evaluation transform of a checkpoint: its own image processor, whichever class it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo.tasks.vision.planes import planes_of, stacked

_GEOMETRY = {"do_resize", "do_center_crop", "do_pad"}
_SIZES = ("size", "crop_size", "pad_size")
_PROBES = ((48, 36), (36, 48), (260, 350))  # (height, width)


class NoSquare(Exception):
    """What a processor does cannot be framing a square and then scaling its values."""


@dataclass(frozen=True)
class Values:
    """What a processor does to bytes: channels in another order, then `gain * byte + offset`."""

    order: list[int]
    gain: Tensor  # (channels, 1, 1)
    offset: Tensor  # (channels, 1, 1)

    @classmethod
    def of(cls, processor: Any, channels: int) -> "Values":
        """Found by what it makes of black, of white and of one channel at a time."""
        bytes_ = np.zeros((channels + 2, 1, 1, channels), np.uint8)
        bytes_[1] = 255
        bytes_[np.arange(channels) + 2, 0, 0, np.arange(channels)] = 255
        black, white, *single = scaled(processor, list(bytes_))
        moved = torch.stack([(one - black).abs().flatten() for one in single])
        return cls(moved.argmax(0).tolist(), (white - black) / 255, black)


@dataclass(frozen=True)
class OwnTransform:
    """A transformers image processor in two parts: geometry, and what is done to the values.

    Training augments between the two. `sized` holds the processor for every size of the task.
    """

    sized: Mapping[int, Any]
    made: Values

    @property
    def mode(self) -> str:
        """The Pillow mode that the processor is given."""
        return "L" if len(self.made.order) == 1 else "RGB"

    @property
    def fill(self) -> tuple[int, ...]:
        """The colour whose values lie nearest to 0."""
        nearest = (-self.made.offset / self.made.gain).flatten().clamp(0, 255).round()
        by_channel = dict(zip(self.made.order, nearest.tolist(), strict=True))
        return tuple(int(by_channel[channel]) for channel in sorted(by_channel))

    def frame(self, image: Image.Image, size: int) -> Image.Image:
        """Resized, cropped and padded as the processor does, `size` x `size`."""
        processor = self.sized[size]
        values = processor(image, **_without_values(processor))["pixel_values"][0]
        return Image.fromarray(values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))

    def values(self, pixels: Tensor) -> Tensor:
        """uint8 (batch, channels, height, width) as float32, wherever they are."""
        gain, offset = (one.to(pixels.device) for one in (self.made.gain, self.made.offset))
        return pixels[:, self.made.order].float().mul_(gain).add_(offset)

    def processor(self, size: int) -> Any:
        """The processor of a size, as it is exported."""
        return self.sized[size]


def own_transform(given: Any, sizes: Iterable[int], channels: int) -> OwnTransform:
    """The processor's transform at each of `sizes`, resizing and cropping in the same proportion.

    Raises NoSquare where it gives other shapes, or values that do not come from a square alone.
    """
    try:
        own = _edge(given, channels)
        sized = {size: _resized(given, size, own) for size in sizes}
        transform = OwnTransform(sized, Values.of(given, channels))
        for size, processor in sized.items():
            _check(transform, size, processor)
    except NoSquare:
        raise
    except Exception as error:  # other people's code, and any of its options
        raise NoSquare(f"fails ({error})") from error
    return transform


def _check(transform: OwnTransform, size: int, processor: Any) -> None:
    """Both parts together must give what the processor gives at once."""
    channels = len(transform.made.order)
    for image in _images(channels):
        whole = torch.from_numpy(np.array(processor(image)["pixel_values"][0]))
        if tuple(whole.shape) != (channels, size, size):
            raise NoSquare(f"makes {list(whole.shape)} at size {size}")
        framed = stacked([planes_of(transform.frame(image, size))])
        if not torch.allclose(transform.values(framed)[0], whole.float(), atol=1e-5):
            raise NoSquare("does more than framing and scaling")


def _edge(given: Any, channels: int) -> int:
    """The side of the square that the processor makes of every image."""
    shapes = {tuple(given(image)["pixel_values"][0].shape) for image in _images(channels)}
    if len(shapes) != 1 or len(one := shapes.pop()) != 3 or one[1] != one[2]:
        raise NoSquare("makes images of several shapes, or no squares")
    return int(one[1])


def differs(processor: Any, frame: Callable[[Image.Image], Tensor], channels: int) -> bool:
    """Whether a processor makes other values of images than `frame`, (channels, size, size)."""
    for image in _images(channels):
        try:
            theirs = torch.from_numpy(np.array(processor(image)["pixel_values"][0])).float()
        except Exception:  # other people's code, and any of its options
            return True
        ours = frame(image)
        if theirs.shape != ours.shape or not torch.allclose(theirs, ours, atol=1e-4):
            return True
    return False


def scaled(processor: Any, images: Sequence[np.ndarray]) -> Tensor:
    """What a processor makes of framed images, as `OwnTransform.values`, and slower."""
    off = dict.fromkeys(_GEOMETRY & _words(processor), False)
    found = processor(list(images), **off, input_data_format="channels_last")["pixel_values"]
    return torch.from_numpy(np.stack(found).astype(np.float32))


def changed(processor: Any, changes: Mapping[str, Any]) -> Any:
    """The processor with other values of its keys; itself where there are none."""
    return type(processor).from_dict({**processor.to_dict(), **changes}) if changes else processor


def _resized(given: Any, size: int, own: int) -> Any:
    """The processor whose sizes are `size / own` times as large."""
    sizes = {key: getattr(given, key, None) for key in _SIZES if size != own}
    return changed(
        given,
        {
            key: {name: edge * size // own for name, edge in dict(edges).items() if edge}
            for key, edges in sizes.items()
            if edges
        },
    )


def _without_values(processor: Any) -> dict[str, bool]:
    """The words that switch off all that a processor does to values."""
    others = {word for word in _words(processor) if word.startswith("do_")} - _GEOMETRY
    return dict.fromkeys(others | ({"include_top"} & _words(processor)), False)


def _words(processor: Any) -> set[str]:
    """The switches and options that a call takes."""
    return set(processor.valid_kwargs.__annotations__)


def _images(channels: int) -> list[Image.Image]:
    """Noise in several shapes."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in _PROBES]
    return [Image.fromarray(one).convert("L" if channels == 1 else "RGB") for one in noise]
