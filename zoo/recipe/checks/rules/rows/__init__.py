"""Rules about rows: where they come from, in which shares, and which of them stay."""
