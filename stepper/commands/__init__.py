"""The commands, one a module: each opens a session, without a face or with one, and prints what comes of it."""
