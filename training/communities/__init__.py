"""Groups of people, found from embeddings alone, named by their words.

A method groups points (`method`, `louvain`, `density`), its level of detail is chosen by what
resampled people agree on (`stability`, `choice`), and each community gets a name, its most central
people and posts, and a place on the map.
"""
