"""The pages of own footage at the desk, with their templates."""
