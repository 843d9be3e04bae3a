"""Where a price comes from, and what happens where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from teachback.costs.prices import Price, find_price, read_prices, unknown
from teachback.errors import ConfigError

OPENAI = "https://api.openai.com/v1"


def write(folder: Path, text: str, name: str = "prices.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_dollars_by_hand() -> None:
    price = Price(input=2.0, output=8.0, cached=0.5, source="")
    # 400 at 2, 600 cached at 0.5 and 100 at 8 dollars per million.
    assert price.dollars(1000, 100, 600) == pytest.approx((800 + 300 + 800) / 1e6)
    assert price.dollars(1_000_000, 0) == 2.0


def test_the_table_knows_hosted_models_and_says_its_age() -> None:
    price = find_price("gpt-4o-mini", OPENAI)
    assert price is not None
    assert 0 < price.cached < price.input < price.output
    assert price.source.startswith("genai-prices ")
    assert "newest price in it: 20" in price.source
    assert price.source.endswith("openai/gpt-4o-mini")


def test_a_tiered_price_says_how_far_it_holds() -> None:
    price = find_price("gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta/openai")
    assert price is not None
    assert price.most_in == 200_000


def test_a_price_by_the_hour_is_that_of_the_dearest_hour() -> None:
    price = find_price("deepseek-chat", "https://api.deepseek.com/v1")
    assert price is not None
    assert (price.input, price.output) == (0.27, 1.1)


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("no-such-model", OPENAI),
        ("gpt-4o", "https://gateway.example/v1"),  # who knows what a gateway takes
        ("sonar-pro", "https://api.perplexity.ai"),  # a fee per request too
    ],
)
def test_an_unknown_price_is_not_zero(model: str, address: str) -> None:
    assert find_price(model, address) is None
    assert unknown(model, address) == (
        f"no price is known for {model} at {address}: give a file of prices (--prices, or "
        f'teacher.prices) that holds ["{model}"] with input = and output = in dollars per '
        "million tokens"
    )


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "http://[::1]/v1", None])
def test_what_costs_nothing(address: str | None) -> None:
    price = find_price("gpt-4o", address, free=address is None)
    assert price is not None
    assert price.free
    assert price.source in ("a server on this machine", "no server is asked")


def test_what_asks_no_server_is_free_only_where_that_is_known() -> None:
    assert find_price("mine", None) is None
    assert unknown("mine", None).startswith("no price is known for mine: give a file of prices")


def test_the_user_s_file_decides_what_it_names(tmp_path: Path) -> None:
    toml = write(tmp_path, '["gpt-4o"]\ninput = 1\noutput = 2.5\ncached = 0.1\n')
    json = write(tmp_path, '{"gpt-4o": {"input": 1, "output": 2.5, "cached": 0.1}}', "p.json")
    for file in (toml, json):
        for address in (OPENAI, "http://127.0.0.1/v1", None):
            assert find_price("gpt-4o", address, file) == Price(1, 2.5, 0.1, str(file))
    other = find_price("gpt-4o-mini", OPENAI, toml)
    assert other is not None
    assert other.source.startswith("genai-prices")
    assert find_price("mine", "https://gateway.example/v1", toml) is None
    free = write(tmp_path, "[mine]\ninput = 0\noutput = 0\n")
    assert read_prices(free)["mine"].free


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("[m]\ninput = 1\n", "p.toml", "m: output is missing"),
        ("[m]\ninput = 1\noutput = -1\n", "p.toml", "m: output must be dollars per million"),
        ("[m]\ninput = true\noutput = 1\n", "p.toml", "m: input must be dollars per million"),
        ("[m]\ninput = 1\noutput = inf\n", "p.toml", "m: output must be dollars per million"),
        ("[m]\ninputs = 1\n", "p.toml", "unknown key 'inputs'; did you mean 'input'?"),
        (
            "[gpt-4.1]\ninput = 1\noutput = 1\n",
            "p.toml",
            "gpt-4.1: in TOML, put a model's name with dots in quotes",
        ),
        ("m = 1", "p.toml", "m: must be a table"),
        ("[m", "p.toml", "not valid TOML"),
        ("[m]", "p.json", "not valid JSON"),
        ("[1]", "p.json", "a table is needed"),
    ],
)
def test_a_bad_price_file_is_one_line(tmp_path: Path, text: str, name: str, says: str) -> None:
    file = write(tmp_path, text, name)
    with pytest.raises(ConfigError) as caught:
        read_prices(file)
    assert str(caught.value).startswith(f"prices: {file}")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_price_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_prices(tmp_path / "none.toml")
