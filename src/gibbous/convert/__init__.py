"""Conversion of fitted models from and to other libraries."""
