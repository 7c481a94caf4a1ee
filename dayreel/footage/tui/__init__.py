"""The screens of own footage in the terminal."""
