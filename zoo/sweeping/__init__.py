"""Many runs of one recipe: every setting of some keys, with several seeds."""
