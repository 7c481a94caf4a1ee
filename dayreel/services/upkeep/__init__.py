"""What goes on beside the making: what is due, unknown, overdue, stalled or missing."""
