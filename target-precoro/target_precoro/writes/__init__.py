"""The calls that write: what goes into them, and what their answers prove."""
