"""Keep what was made from the most recent objects."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Key = TypeVar("Key")


@dataclass
class Recent(Generic[Key, T]):
    """Cache of a function over objects, by identity: a split that follows the seed has one dataset per seed.

    Attributes:
        make: function of an object.
        most: values that are kept; the oldest goes first.
    """

    make: Callable[[Key], T]
    most: int
    _kept: dict[int, tuple[Key, T]] = field(default_factory=dict)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def of(self, thing: Key) -> T:
        """Return the value of an object; the object is kept as long as its value, so that its id stays its own."""
        with self._making:
            if id(thing) not in self._kept:
                while len(self._kept) >= self.most:
                    del self._kept[next(iter(self._kept))]
                self._kept[id(thing)] = thing, self.make(thing)
            return self._kept[id(thing)][1]

    def clear(self) -> None:
        """Forget all values."""
        self._kept.clear()
