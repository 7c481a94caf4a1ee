"""Messengers: where notifications and review questions go."""
