"""The page that reports a topic model."""
