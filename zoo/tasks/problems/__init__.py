"""What a classification learns of a row: one class, several, or numbers."""
