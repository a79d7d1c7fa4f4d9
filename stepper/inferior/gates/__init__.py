"""The gates of a record that a script writes by hand, and where their gradients were masked. Reads recordings."""
