"""A script becomes a program that can be recorded: loop finding, probes, data flow.

Pure: this package works on source text and syntax trees and knows neither torch nor numpy, neither the debugger nor
the screen.
"""
