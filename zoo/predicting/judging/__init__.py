"""How good answers are that stand there already."""
