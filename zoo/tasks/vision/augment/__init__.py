"""What changes in images in training: each file a way, and what it draws comes from a row's rng."""
