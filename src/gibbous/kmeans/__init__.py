"""K-means: Lloyd and Elkan on all rows, and on mini-batches."""
