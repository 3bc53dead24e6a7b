"""What a kind's examples may be counted in, beside examples: values of `run.batch_unit`, each with
the key that bounds how much of it an example is.
"""

OF_TEXT = {"tokens": "task.sequence_length"}
OF_PAIRS = {"tokens": "task.source_length or task.target_length"}
OF_CLIPS = {"seconds": "task.max_seconds", "frames": "task.max_seconds"}
OF_WINDOWS = {"seconds": "model.processor.chunk_length", "frames": "model.processor.chunk_length"}
