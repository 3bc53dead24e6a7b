"""What is found in a text: entities, and answers in windows of it."""
