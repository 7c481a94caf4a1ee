"""What people are shown of the marts: charts and the weekly report. The marts themselves are `dayreel.marts`."""
