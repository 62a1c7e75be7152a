"""Where rows come from: memory, blocks, memory-mapped files."""
