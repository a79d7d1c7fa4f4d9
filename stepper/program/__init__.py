"""A script becomes a program that can be recorded: loop finding, probes, data flow.

Pure: this package works on source text and syntax trees and knows neither torch nor numpy, neither the debugger nor
the screen. The modules here read a script and its scopes; `flow` follows one pass through it, `knowledge` says what
that means, `probes` writes the copies that are run, and `program` puts it together.
"""
