"""Images: decoding, to PIL RGB."""

import io
from pathlib import Path

from PIL import Image

from zoo.data.rows import CorruptExample


def decode_image(source: bytes | Path) -> Image.Image:
    """The image as RGB; raises CorruptExample for one that is missing, truncated or no image."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        named = f"{len(source)} bytes" if isinstance(source, bytes) else source
        raise CorruptExample(f"{named} ({error})") from error
