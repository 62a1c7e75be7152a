"""The demonstration of ``gibbous demo``, on data that is part of the installation."""
