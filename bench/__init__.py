"""Benchmarks: each holds one of the budgets as a ratio measured in one run, never as absolute seconds."""
