"""Fitted models of other libraries, converted both ways."""
