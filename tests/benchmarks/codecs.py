"""How fast the codecs are on one thread: GB of float32 per second, encoding and decoding.

`python -m tests.benchmarks.codecs [--million 13.8] [--rounds 5] [--codec sign int8]`. What a
worker does is measured: the error is added, the message written, the residual left in place.
"""

import argparse
import time
from collections.abc import Callable

import torch

from zoo.compression.codecs.codec import CODECS, make_codec
from zoo.compression.gradients.top_k import largest


def best(action: Callable[[], object], rounds: int) -> float:
    """The shortest of several runs, in seconds of the processor (others may be at work)."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        action()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure(name: str, numel: int, rounds: int) -> tuple[float, float, float]:
    """GB/s of encoding and of decoding, and how many times shorter the message is."""
    codec = make_codec(name)
    values, error = torch.randn(numel), torch.zeros(numel)
    message, out = torch.empty(codec.bytes(numel), dtype=torch.uint8), torch.empty(numel)

    def worker() -> None:
        error.add_(values)
        codec.encode(error, numel, message)

    encode = best(worker, rounds)
    decode = best(lambda: codec.decode(message, out), rounds)
    size = 4 * numel
    return size / encode / 1e9, size / decode / 1e9, size / message.numel()


def main() -> None:
    """Prints one line a codec."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", type=float, default=13.8, help="elements, in millions")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--codec", nargs="*", default=list(CODECS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    numel = round(arguments.million * 1e6) // 1024 * 1024
    print(f"{numel} elements, one thread\ncodec     encode  decode  GB/s   times shorter")
    for name in arguments.codec:
        encode, decode, ratio = measure(name, numel, arguments.rounds)
        print(f"{name:9} {encode:6.2f}  {decode:6.2f}  {ratio:18.2f}")
    values = torch.randn(numel)
    for share in (0.001, 0.01, 0.05):
        count = round(share * numel)
        seconds = best(lambda count=count: largest(values, count), arguments.rounds)
        print(f"largest {share:6.1%} {4 * numel / seconds / 1e9:6.2f}")


if __name__ == "__main__":
    main()
