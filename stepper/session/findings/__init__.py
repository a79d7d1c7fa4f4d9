"""What records say, in words and numbers, to whoever shows them. Pure: reads records only."""
