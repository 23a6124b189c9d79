"""Examples for the OpenAPI document, as JSON; a test reads each with its model."""

from typing import Any

Json = dict[str, Any]

_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQ"
    "DwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
POST: Json = {
    "post_id": "food/fruit/banana",
    "user_id": "nicu-buculei",
    "title": "A ripe banana",
    "text": "A ripe banana. Drawn for a fruit stand.",
    "tags": ["fruit", "yellow"],
    "language": "en",
    "created_at": "2026-01-31T12:00:00Z",
    "image_url": "/v1/posts/food%2Ffruit%2Fbanana/image",
}
_REASON: Json = {
    "kind": "post",
    "text": "near “Apple”, which you liked",
    "contribution": 0.61,
    "posts": ["food/fruit/apple"],
}
_RECOMMENDATION: Json = {
    "post": POST,
    "score": 0.61,
    "reasons": [_REASON],
    "sources": ["taste", "related"],
    "propensity": 0.95,
    "explored": False,
    "probabilities": {"like": 0.34, "hide": 0.02},
}
RECOMMENDATIONS: Json = {
    "model_version": "7",
    "fallback": False,
    "request_id": "0f3c9a51d2e84b7a9c6d1e2f3a4b5c6d",
    "items": [_RECOMMENDATION],
    "next_cursor": "MjA",
}
SIMILAR_USERS: Json = {
    "model_version": "7",
    "items": [
        {
            "user_id": "johnny-automatic",
            "score": 0.83,
            "reasons": [{**_REASON, "kind": "tags", "text": "you both draw fruit"}],
            "interest": "fruit",
            "posts": [POST],
        }
    ],
    "next_cursor": None,
}
HITS: Json = {
    "model_version": "7",
    "items": [{"id": "food/fruit/banana", "score": 0.72, "post": POST}],
    "next_cursor": None,
}
USERS: Json = {"items": [{"user_id": "nicu-buculei", "posts": 132}], "next_cursor": None}
POSTS: Json = {"items": [POST]}
EMBEDDINGS: Json = {"model_version": "7", "dimension": 3, "embeddings": [[0.6, 0.0, -0.8]]}

TEXTS_REQUEST: Json = {"texts": ["a red bird", "a house by the sea"]}
IMAGES_REQUEST: Json = {"images": [_PIXEL]}
USERS_REQUEST: Json = {
    "users": [
        {"user_id": "nicu-buculei"},
        {"posts": [{"text": "a red bird"}, {"image": _PIXEL, "weight": 2.0}]},
    ]
}
SEARCH_REQUEST: Json = {
    "query": [
        {"text": "a red bird"},
        {"user_id": "nicu-buculei", "weight": 0.5},
        {"post_id": "food/fruit/banana", "weight": -0.2},
    ],
    "target": "posts",
    "filters": {"languages": ["en"], "created_after": "2026-01-01T00:00:00Z"},
    "limit": 10,
}
SESSION_REQUEST: Json = {"liked": ["food/fruit/banana"], "seen": [], "limit": 10}
POST_WRITE: Json = {
    "user_id": "nicu-buculei",
    "text": "A ripe banana. Drawn for a fruit stand.",
    "image": _PIXEL,
    "tags": ["fruit", "yellow"],
    "language": "en",
    "created_at": "2026-01-31T12:00:00Z",
}
POST_WRITTEN: Json = {"post": POST, "created": True, "model_version": "7"}
REACTIONS_REQUEST: Json = {
    "reactions": [
        {
            "user_id": "nicu-buculei",
            "post_id": "food/fruit/apple",
            "kind": "like",
            "key": "9f1c2b3a",
        }
    ]
}
REACTIONS_WRITTEN: Json = {"recorded": 1, "repeated": 0, "refused": 0}
POST_RECEIPT: Json = {
    "deleted": "food/fruit/banana",
    "posts": ["food/fruit/banana"],
    "reactions": 3,
}
USER_RECEIPT: Json = {"deleted": "nicu-buculei", "posts": ["food/fruit/banana"], "reactions": 12}
USER_WRITE: Json = {"profile": "I draw fruit, and what is left of it."}
USER_WRITTEN: Json = {"user_id": "nicu-buculei", "created": False}
BOUNDARIES: Json = {
    "muted_authors": ["johnny-automatic"],
    "muted_tags": ["clown"],
    "blocked": [],
    "hidden": ["food/fruit/apple"],
}
BOUNDARY_CHANGED: Json = {"kind": "muted_author", "target": "johnny-automatic", "changed": True}
MUTED_TAG: Json = {"kind": "muted_tag", "target": "clown", "changed": True}
HEALTH: Json = {"status": "ok"}
READINESS: Json = {
    "ready": True,
    "model_version": "7",
    "index_build": 3,
    "parts": [{"name": "recommender", "ready": True, "detail": "2 replicas"}],
}
