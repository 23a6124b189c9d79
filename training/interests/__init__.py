"""What a place in the space is about, in words: people's interests, and tags that posts lack.

The words come from the training posts themselves (`vocabulary`). A place is described by the posts
near it (`neighbourhood`, `landscape`), and a word counts by how much more often it stands there
than elsewhere (`strength`).
"""
