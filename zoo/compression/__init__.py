"""How few bytes: codecs, the error-feedback mean, compressors of gradients, optimizers."""
