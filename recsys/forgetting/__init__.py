"""Forgetting on request: a person or a post leaves every place that can hold them; see `forget`."""
