"""Documents and their vocabulary."""
