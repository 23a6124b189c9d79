"""One module a kind of place."""
