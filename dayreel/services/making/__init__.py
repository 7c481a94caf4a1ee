"""Making a content: from the idea to the final video, one stage a module."""
