"""Pure decisions about own footage: paths, names, what happens next to an item, working hours."""
