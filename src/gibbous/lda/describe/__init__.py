"""Descriptions of fitted topics."""
