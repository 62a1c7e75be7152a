"""File formats of corpora."""
