"""Which rows are asked for, in the user's words, and whether the rows that come obey."""
