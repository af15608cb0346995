"""Dry runs, the plans that they save, and the runs that carry a saved plan out."""
