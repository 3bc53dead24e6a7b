"""What is said of the rows that a filter let go."""

from collections.abc import Mapping


def said_of_filters(left_out: Mapping[str, Mapping[str, int]]) -> list[str]:
    """A line a set: how many of its rows are left out, and by which rule."""
    return [
        f"{name}: {sum(counts.values()):,} rows are left out: "
        + ", ".join(f"{count:,} by {rule}" for rule, count in counts.items())
        for name, counts in left_out.items()
    ]
