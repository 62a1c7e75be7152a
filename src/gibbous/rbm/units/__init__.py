"""What each kind of visible unit does."""
