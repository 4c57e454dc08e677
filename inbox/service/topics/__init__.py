"""Topics, and who receives what of them."""
