"""The zoo: configuration-driven training of Hugging Face models on any layout."""
