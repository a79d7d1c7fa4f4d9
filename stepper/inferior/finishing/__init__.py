"""A recording becomes the record that travels."""
