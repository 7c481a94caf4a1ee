"""Sending what was approved to the platforms, through every gate."""
