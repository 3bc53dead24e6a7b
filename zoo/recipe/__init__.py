"""WHAT a run is: what other rooms want of it."""

from zoo.recipe.load import load_recipe
from zoo.recipe.recipe import Recipe, expanded, origin

__all__ = ["Recipe", "expanded", "load_recipe", "origin"]
