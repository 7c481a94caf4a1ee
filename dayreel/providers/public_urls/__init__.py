"""How a file gets a public address for as long as somebody fetches it."""
