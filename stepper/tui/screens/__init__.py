"""Screens that open over the main one; imported when they are first needed, so that the first paint is early."""
