"""What a click did, in words."""


def said(done: str, title: str) -> str:
    """What to tell; nothing for what isn't known.

    Args:
        done: a kind of reaction or boundary, with `un-` before it if that was taken back.
        title: of the post, or the name of the person or tag.
    """
    post = f"“{title}”" if title else "that post"
    first = post[:1].upper() + post[1:]
    name = title or "this person"
    match done:
        case "like":
            return f"You like {post}. Your list is new."
        case "follow":
            return f"You follow {name}. Your list is new."
        case "hidden":
            return f"{first} won’t come back. Your list is new."
        case "muted_author":
            return f"Nothing by {name} will be recommended."
        case "muted_tag":
            return f"Nothing tagged {post} will be recommended."
        case "blocked":
            return f"{name} is blocked: you are kept from each other."
        case "un-hidden" | "un-muted_author" | "un-muted_tag":
            return f"{first} may show up again."
        case "un-blocked":
            return f"{name} is not blocked any more."
        case _:
            return ""
