"""The panels: each draws one view of a `Scene`, line by line, and repaints only the lines that changed."""
