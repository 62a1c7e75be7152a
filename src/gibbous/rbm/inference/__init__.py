"""What a fitted Boltzmann machine infers."""
