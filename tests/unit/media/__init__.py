"""Tests of dayreel.media."""
