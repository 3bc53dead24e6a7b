"""A file on a server that is read in parts: only what is asked for comes."""

import io

from zoo.data.remote.places import served

_PIECE = 4 << 20  # bytes that are asked for at a time: what has come is seen after each
_TAIL = 1 << 16  # bytes at the end, which formats with a footer look at more than once


class WholeFilesOnly(Exception):
    """What the server gives for a part is not that part."""


class Parts(io.RawIOBase):
    """A file of `size` bytes at a URL, for whoever reads and seeks; `come` counts its bytes.

    Raises what fsspec does, and WholeFilesOnly; what it raised last stays its `error`, whatever
    others make of it.
    """

    def __init__(self, place: str, size: int, seconds: float, anew: bool = False) -> None:
        system, name = served(place, seconds, anew)
        self.file = system.open(name, "rb", cache_type="none", size=size)
        self.size, self.at, self.come = size, 0, 0
        self.error: Exception | None = None
        self.tail = self._part(max(size - _TAIL, 0), size)

    def readable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def seekable(self) -> bool:
        """See io.RawIOBase."""
        return True

    def tell(self) -> int:
        """See io.RawIOBase."""
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """See io.RawIOBase."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        self.at = start + offset
        return self.at

    def read(self, size: int = -1, /) -> bytes:
        """See io.RawIOBase; as many bytes as are asked for, but at the end."""
        end = self.size if size < 0 else min(self.at + size, self.size)
        known = self.size - len(self.tail)
        found = bytearray()
        while self.at < end:
            if self.at >= known:
                found += self.tail[self.at - known : end - known]
                self.at = end
            else:
                stop = min(self.at + _PIECE, end, known)
                found += self._part(self.at, stop)
                self.at = stop
        return bytes(found)

    def _part(self, start: int, stop: int) -> bytes:
        try:
            self.file.seek(start)
            found: bytes = self.file.read(stop - start)
            if len(found) != stop - start:
                raise ValueError(f"{len(found)} bytes for {stop - start}")
        except ValueError as error:  # fsspec's, too, for a server that answers with all
            self.error = WholeFilesOnly(str(error))
            raise self.error from None
        except Exception as error:
            self.error = error
            raise
        self.come += len(found)
        return found
