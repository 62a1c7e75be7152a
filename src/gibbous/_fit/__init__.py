"""History, progress and parallel initializations, which all fits share."""
