"""Topics by latent Dirichlet allocation."""
