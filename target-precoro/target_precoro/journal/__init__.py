"""What outlives a killed process: creates under way, rows that wait, rows that were refused."""
