"""Search over settings of a training: many short trials on the same features, the bad ones stopped.

A search never looks at test posts: trials are compared by their best validation score.
"""

BEST = "best.yaml"
"""In a search's folder, once it has ended: the best configuration."""
