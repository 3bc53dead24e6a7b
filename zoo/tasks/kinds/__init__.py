"""How each kind learns and is scored: a file a kind."""
