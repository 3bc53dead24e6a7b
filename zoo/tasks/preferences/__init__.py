"""What the task that learns from preferences is made of: prompts with answers, and losses."""
