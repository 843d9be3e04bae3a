"""What a model's tokens cost: a user's file, over the table that genai-prices ships.

Nothing is fetched: the table is the one in the installed package, and as old as that. What
runs on this machine, and what only replies from files, costs nothing unless the user's file
prices it. A model without a price is unknown, never free.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from teachback.errors import ConfigError, DataError, quoted
from teachback.files import read_json, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

_DEAREST = 1e9
"""Dollars per million tokens that a price may be, at most."""

_KEYS = ("input", "output", "cached")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, and where that is known from.

    ``cached`` is for input tokens that the server found in its prefix cache. Requests of more
    than ``most_in`` input tokens cost more than this.
    """

    input: float
    output: float
    cached: float
    source: str
    most_in: int | None = None

    @property
    def free(self) -> bool:
        """Whether nothing is paid at all."""
        return not (self.input or self.output or self.cached)

    def dollars(self, tokens_in: float, tokens_out: float, tokens_cached: float = 0) -> float:
        """What these tokens cost; the cached ones are among ``tokens_in``, or some of them are
        not counted as such."""
        cached = min(tokens_cached, tokens_in)
        plain = (tokens_in - cached) * self.input
        return (plain + cached * self.cached + tokens_out * self.output) / 1e6


def find_price(
    model: str, address: str | None, file: str | Path | None = None, *, free: bool = False
) -> Price | None:
    """The price of ``model`` at ``address``, or None where it is not known.

    Args:
        model: As the server knows it.
        address: The server's URL; None for a teacher that asks no server.
        free: Whether the model is known to cost nothing where it asks no server.
        file: TOML or JSON: model → ``input``, ``output`` and, if cheaper, ``cached``, in US
            dollars per million tokens. What it names, it decides.

    Raises:
        ConfigError: The file cannot be read or is not of this form.
    """
    if file is not None and (own := read_prices(file).get(model)) is not None:
        return own
    if address is None:
        return Price(0, 0, 0, "no server is asked") if free else None
    if is_loopback(urlsplit(address).hostname or ""):
        return Price(0, 0, 0, "a server on this machine")
    return _from_table(model, address)


def read_prices(file: str | Path) -> dict[str, Price]:
    """All prices of a user's file; raises as `find_price` does."""
    path = Path(file)
    try:
        values = read_json(path) if path.suffix == ".json" else read_toml(path)
    except DataError as error:
        raise ConfigError(
            f"prices: {error}; a table is needed: model → input, output, cached"
        ) from None
    return {model: _own_price(path, model, row) for model, row in values.items()}


def unknown(model: str, address: str | None) -> str:
    """That no price is known, and what to do about it."""
    where = "" if address is None else f" at {address}"
    return (
        f"no price is known for {model}{where}: give a file of prices (--prices, or "
        f"teacher.prices) that holds [{json.dumps(model)}] with input = and output = in dollars "
        "per million tokens"
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_price(path: Path, model: str, row: Any) -> Price:
    where = f"prices: {path}: {model}"
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: must be a table with input, output and cached")
    for key, value in row.items():
        if isinstance(value, dict):
            raise ConfigError(f"{where}.{key}: in TOML, put a model's name with dots in quotes")
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            meant = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(_KEYS)}"
            raise ConfigError(f"{where}: unknown key {key!r}; {meant}")
        right = isinstance(value, int | float) and not isinstance(value, bool)
        if not right or not 0 <= value <= _DEAREST:
            raise ConfigError(
                f"{where}: {key} must be dollars per million tokens, not {quoted(value)}"
            )
    for key in ("input", "output"):
        if key not in row:
            raise ConfigError(f"{where}: {key} is missing")
    cached = row["cached"] if "cached" in row else row["input"]
    return Price(row["input"], row["output"], cached, str(path))


def _from_table(model: str, address: str) -> Price | None:
    # Half a second to import: only where a price is looked up.
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    try:
        provider, found = snapshot.find_provider_model(model, None, None, address)
    except LookupError:
        return None
    today = datetime.now(UTC)
    newest = max((day for day in _days(snapshot.providers) if day <= today.date()), default=None)
    dated = f" (newest price in it: {newest})" if newest else ""
    source = f"genai-prices {metadata.version('genai-prices')}{dated}, {provider.id}/{found.id}"
    read = [_read(prices, source) for prices in _in_force(found, today)]
    known = [price for price in read if price is not None]
    if not known or len(known) < len(read):
        return None
    limits = [price.most_in for price in known if price.most_in is not None]
    return Price(
        max(price.input for price in known),
        max(price.output for price in known),
        max(price.cached for price in known),
        source,
        min(limits, default=None),
    )


def _in_force(model: ModelInfo, now: datetime) -> list[ModelPrice]:
    """A model's prices of today; those of all hours, since a run lasts."""
    from genai_prices.types import ModelPrice, TimeOfDateConstraint

    prices = model.prices
    if not isinstance(prices, ModelPrice) and any(
        isinstance(each.constraint, TimeOfDateConstraint) for each in prices
    ):
        return [each.prices for each in prices]
    return [model.get_prices(now)]


def _read(prices: ModelPrice, source: str) -> Price | None:
    """The prices of text; None where more than the tokens of a text is paid for."""
    from genai_prices.types import TieredPrices

    if prices.requests_kcount is not None or prices.output_reasoning_mtok is not None:
        return None
    limits: list[int] = []

    def base(price: Decimal | TieredPrices) -> float:
        if isinstance(price, TieredPrices):
            limits.extend(tier.start for tier in price.tiers[:1])
            price = price.base
        return float(price)

    if prices.input_mtok is None or prices.output_mtok is None:
        return None
    paid_in, paid_out = base(prices.input_mtok), base(prices.output_mtok)
    cached = paid_in if prices.cache_read_mtok is None else base(prices.cache_read_mtok)
    return Price(paid_in, paid_out, cached, source, min(limits, default=None))


def _days(providers: Iterable[Provider]) -> Iterator[date]:
    """The days from which dated prices of the table hold."""
    from genai_prices.types import ModelPrice, StartDateConstraint

    for provider in providers:
        for model in provider.models:
            for each in () if isinstance(model.prices, ModelPrice) else model.prices:
                if isinstance(each.constraint, StartDateConstraint):
                    yield each.constraint.start_date
