"""Demonstration on data that the installation brings."""
