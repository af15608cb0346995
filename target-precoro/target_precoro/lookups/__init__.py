"""What Precoro has: lists and look-ups of external ids, as far as a run has asked."""
