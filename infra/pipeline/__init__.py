"""Scheduled retraining: from new data to a model in use, one step after the other, each once."""
