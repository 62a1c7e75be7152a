"""The parameters and training of a Boltzmann machine."""
