"""Results that convert to rows, and to a frame of pandas."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from teachback.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas


class ResultRows(ABC):
    """A result that consists of rows."""

    __slots__ = ()

    @abstractmethod
    def to_rows(self) -> list[dict[str, object]]:
        """The rows, each a dictionary: what ``polars.DataFrame`` and
        ``datasets.Dataset.from_list`` take."""

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a ``pandas.DataFrame``. Raises MissingExtraError without pandas."""
        try:
            import pandas
        except ImportError:
            raise MissingExtraError("pandas", "pandas", "to_pandas()") from None
        return pandas.DataFrame(self.to_rows())
