"""The keys of each kind of task, a file a field."""
