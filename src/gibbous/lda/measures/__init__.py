"""Measures of fitted topics."""
