"""Expectation-maximization for mixtures."""
