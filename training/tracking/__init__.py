"""MLflow: runs, the model registry, and the gate that guards the alias `champion`.

Nothing here imports MLflow until a connection is used; see `server.Tracking`.
"""
