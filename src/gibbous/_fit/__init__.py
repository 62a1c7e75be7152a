"""What every fit has: its history, progress, and starts that run in parallel."""
