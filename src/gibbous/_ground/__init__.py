"""Instruction sets, seeds, validation and files: the base of all other modules."""
