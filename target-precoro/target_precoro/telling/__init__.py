"""What became of the records: counted, logged, and written to the files that are asked for."""
