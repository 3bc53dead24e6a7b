"""What files of other tools become here: one recipe, and an account of each of their keys."""
