"""Recommends posts and people from one version of the space, over Milvus and an event database."""
