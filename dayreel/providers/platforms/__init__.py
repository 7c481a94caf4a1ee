"""Where videos are posted and measured."""
