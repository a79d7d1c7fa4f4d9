"""What data flow tells of a script: one pass through its text, followed symbolically. It runs nothing."""
