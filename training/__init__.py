"""Learns one embedding space of users, images and texts; the language of the product."""
