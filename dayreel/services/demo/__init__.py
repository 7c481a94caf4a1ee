"""`dayreel demo`: weeks of simulated content in a project of its own."""
