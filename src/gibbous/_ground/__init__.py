"""What every other module stands on: instruction sets, seeds, validation, files. Knows no model."""
