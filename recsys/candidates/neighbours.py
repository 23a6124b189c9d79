"""What people like this person made and liked."""

from itertools import chain, zip_longest

from recsys.candidates.source import Request, sources


@sources.register("neighbours")
def neighbours(request: Request) -> list[str]:
    """Posts that similar people liked, those first which the most like them did; and by turns
    their own latest posts.
    """
    asking = request.asking
    near = asking.neighbours
    if not near:
        return []
    posted = asking.events.public_posts_of(near, asking.config.candidates.neighbour_posts)
    own = chain.from_iterable(zip_longest(*(posted[user_id] for user_id in near)))
    written = [post.post_id for post in own if post is not None]
    by_turns = chain.from_iterable(zip_longest(asking.liked_nearby, written))
    proposed = dict.fromkeys(id for id in by_turns if id is not None and id not in request.exclude)
    return list(proposed)[: request.count]
