"""The streams, and what those remember that fetch document by document."""
