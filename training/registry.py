"""Extension points: a name, a decorator, one file each."""

import difflib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from training.errors import BadConfig

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to things of one kind, filled by decorators where the things are defined.

    Example:
        >>> losses = Registry[type]("loss")
        >>> @losses.register("infonce")
        ... class InfoNCE: ...
        >>> losses["infonce"].__name__
        'InfoNCE'
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that files its target under `name`. Raises: ValueError if the name is taken."""

        def file(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return file

    def __getitem__(self, name: str) -> T:
        """Look a name up. Raises: BadConfig naming the known names and the nearest one."""
        try:
            return self._entries[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(self))}"
            raise BadConfig(f"unknown {self.kind} {name!r}", hint=hint) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries
