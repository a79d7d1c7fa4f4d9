"""What the text of one statement says about updates, gradients and masks: no values, no copies."""
