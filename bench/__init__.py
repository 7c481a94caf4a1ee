"""Benchmarks: each holds a budget of the house plan as a ratio measured in one run, never as absolute seconds."""
