"""What people are asked about a final video, and what they said."""
