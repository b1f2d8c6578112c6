"""The queue in front of the model server: urgent before not urgent, and in each of the two the callers take turns."""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of callers. A caller with many items gets as many turns as one with few."""

    def __init__(self) -> None:
        self._urgent: _Turns[T] = _Turns()
        self._other: _Turns[T] = _Turns()

    def __len__(self) -> int:
        return self._urgent.size + self._other.size

    def add(self, caller: str, urgent: bool, item: T) -> None:
        """Add an item behind the others of its caller."""
        self._level(urgent).add(caller, item)

    def pop(self) -> T:
        """Take the item whose turn it is; there must be one."""
        return (self._urgent if self._urgent.size else self._other).pop()

    def remove(self, caller: str, urgent: bool, item: T) -> None:
        """Take an item out; it must be there."""
        self._level(urgent).remove(caller, item)

    def has(self, caller: str, urgent: bool) -> bool:
        """Tell whether an item of this caller waits."""
        return self._level(urgent).count(caller) > 0

    def ahead(self, caller: str, urgent: bool) -> int:
        """Return how many items come before a new one of this caller, if none is added."""
        return self._urgent.ahead(caller) if urgent else self._urgent.size + self._other.ahead(caller)

    def pushed_out(self, caller: str, urgent: bool) -> T | None:
        """Return the item that gives its place in a full queue to a new one of this caller; it stays in the queue.

        It is the last item of the caller with the most, so that nobody fills the queue alone; None if the new one
        would be that. Urgent items push out those that are not, and are never pushed out by them.
        """
        if urgent and self._other.size:
            return self._other.last(self._other.longest())
        level = self._level(urgent)
        if not level.size:
            return None
        longest = level.longest()
        return level.last(longest) if level.count(longest) > level.count(caller) + 1 else None

    def _level(self, urgent: bool) -> "_Turns[T]":
        return self._urgent if urgent else self._other


class _Turns(Generic[T]):
    """The items of one level."""

    def __init__(self) -> None:
        #: In the order of their next turns. A caller without items is not there.
        self._callers: dict[str, deque[T]] = {}
        self._last: str | None = None  # whose turn was the last one
        self.size = 0

    def add(self, caller: str, item: T) -> None:
        if caller not in self._callers and self._last in self._callers:
            # Before the caller that has just had a turn: one whose few requests are all answered comes back in between.
            self._callers[caller], self._callers[self._last] = deque(), self._callers.pop(self._last)
        self._callers.setdefault(caller, deque()).append(item)
        self.size += 1

    def pop(self) -> T:
        caller = next(iter(self._callers))
        items = self._callers.pop(caller)
        item = items.popleft()
        self._last = caller
        if items:
            self._callers[caller] = items  # behind the others
        self.size -= 1
        return item

    def remove(self, caller: str, item: T) -> None:
        items = self._callers[caller]
        items.remove(item)
        if not items:
            del self._callers[caller]
        self.size -= 1

    def count(self, caller: str) -> int:
        return len(self._callers.get(caller, ()))

    def ahead(self, caller: str) -> int:
        own = self.count(caller)
        ahead, more = own, 1  # callers before this one have a turn more than it until then
        for other, items in self._callers.items():
            if other == caller:
                more = 0
            elif own or other != self._last:
                ahead += min(len(items), own + more)
        return ahead

    def longest(self) -> str:
        return max(self._callers, key=self.count)

    def last(self, caller: str) -> T:
        return self._callers[caller][-1]
