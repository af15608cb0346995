"""What a run says: messages on stdout, progress and a summary in the log."""
