"""The input: lines to messages, records that are checked, and states that are held."""
