"""Completion as in a shell: first as far as all candidates agree, then one candidate after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Completion:
    """Candidates for what was typed, and which of them is shown."""

    def __init__(self, complete: Callable[[str], list[str]]) -> None:
        """Args: complete: whole values that a value could become, in the order to offer them."""
        self._complete = complete
        self._shown: str | None = None
        self._at: int | None = None
        self.candidates: list[str] = []

    def forget(self, value: str) -> None:
        """Drop the candidates when a value that is not the one shown was typed."""
        if value != self._shown:
            self._shown, self._at, self.candidates = None, None, []

    def step(self, value: str, step: int) -> str:
        """What to show next in place of a value; one that has no completion stays."""
        self.forget(value)
        if self.candidates:
            first = 0 if step > 0 else -1
            self._at = (self._at + step if self._at is not None else first) % len(self.candidates)
            self._shown = self.candidates[self._at]
            return self._shown
        found = self._complete(value)
        if len(found) < 2:
            return found[0] if found else value
        shared = _shared(found)
        self.candidates = found
        self._shown = shared if len(shared) > len(value) else value
        return self._shown

    def names(self) -> list[str]:
        """The candidates without the folder that they share."""
        folder = _shared(self.candidates).rpartition("/")[0]
        return [candidate[len(folder) + 1 if folder else 0 :] for candidate in self.candidates]

    @property
    def chosen(self) -> int | None:
        """Which of the candidates is shown whole; none while they only agree so far."""
        return self._at


def _shared(texts: Sequence[str]) -> str:
    """The longest beginning that all texts have."""
    first, last = min(texts, default=""), max(texts, default="")
    return first[: next((at for at, letter in enumerate(first) if not last.startswith(letter, at)), len(first))]
