"""Fitting a machine and its keys: looking, asking, proving."""
