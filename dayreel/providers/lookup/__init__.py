"""Who knows titles, years and names of episodes."""
