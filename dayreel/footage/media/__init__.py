"""What only the library does to video: choosing streams, remuxing, transcoding, comparing footage."""
