"""What a record asks for, what equals what, and the decision what to write. No network."""
