"""What is made of the data flow: the training loop, phases of statements, roles of names."""
