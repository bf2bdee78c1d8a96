"""From the settings to the model client and to how the method is driven."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, assert_never
from urllib.parse import urlsplit

from agent.llm.pricing import Prices
from agent.llm.types import Component
from agent.method import Driver, Method
from agent.run import Services
from bot.errors import ConfigError
from bot.model_settings import DriverChoice
from bot.settings import PREFIX, Settings
from sandbox.redact import Redactor

if TYPE_CHECKING:
    from agent.llm.client import Endpoint


def driver(settings: Settings) -> Driver:
    """Raises ConfigError when a model shall drive and none is named."""
    match settings.driver:
        case DriverChoice.AUTO:
            return Driver.ESCALATE if settings.model.name else Driver.BUILT_IN
        case DriverChoice.BUILT_IN:
            return Driver.BUILT_IN
        case DriverChoice.MODEL | DriverChoice.ESCALATE | DriverChoice.PIPELINE:
            if not settings.model.name:
                raise ConfigError(
                    f"{PREFIX}DRIVER is {settings.driver.value}, which needs a model: set "
                    f"{PREFIX}MODEL__NAME (and {PREFIX}MODEL__API_KEY, {PREFIX}MODEL__BASE_URL)."
                )
            return Driver(settings.driver.value)
        case _:
            assert_never(settings.driver)


def method(settings: Settings) -> Method:
    """How the method is driven. Raises ConfigError, also when a cap of money could not be kept."""
    model = settings.model
    names = {component: getattr(model, component.name.lower()) or model.name for component in Component}
    made = Method(
        driver=driver(settings),
        models=tuple(names.items()) if model.name else (),
        temperature=model.temperature,
        top_k=model.top_k,
        max_tokens=model.max_tokens,
        edit_tokens=model.edit_tokens,
        log_probabilities=model.log_probabilities,
    )
    if made.driver is not Driver.BUILT_IN:
        _refuse_unpriced(made, prices(settings), settings)
    return made


def prices(settings: Settings) -> Prices:
    return Prices(rows={name: row.price for name, row in settings.model.prices.items()})


def unpriced(made: Method, table: Prices) -> tuple[str, ...]:
    """The models in use that have no price; sorted."""
    used = {made.model_of(component) for component in Component}
    return tuple(sorted(name for name in used if name and table.of(name) is None))


def endpoint(settings: Settings, redact: Redactor | None = None) -> Endpoint | None:
    """None when no model is in use. ``redact`` is told the key. To be closed by whoever asked for it."""
    if driver(settings) is Driver.BUILT_IN:
        return None
    from agent.llm.client import Endpoint  # the SDK takes most of a second to import

    key = settings.model.api_key
    return Endpoint(settings.model.base_url, key.get_secret_value() if key else "", redact=redact)


def with_model(services: Services, settings: Settings, redact: Redactor | None = None) -> Services:
    """Services that the settings' model drives. Raises ConfigError."""
    return replace(
        services,
        method=method(settings),
        line=endpoint(settings, redact),
        prices=prices(settings),
        call_seconds=settings.model.seconds,
    )


def open_to_listeners(settings: Settings) -> bool:
    """Whether the key would go over a network in clear."""
    parts = urlsplit(settings.model.base_url)
    return (
        parts.scheme == "http" and settings.model.api_key is not None and not _loopback(parts.hostname or "")
    )


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _refuse_unpriced(made: Method, table: Prices, settings: Settings) -> None:
    missing = unpriced(made, table)
    if missing and settings.budget.money:
        example = f'{{"{missing[0]}": {{"input": 0, "cached_input": 0, "output": 0}}}}'
        raise ConfigError(
            f"{PREFIX}BUDGET__MONEY is ${settings.budget.money:g}, but no price is known for "
            f"{', '.join(missing)}: set {PREFIX}MODEL__PRICES, for example {example} with US dollars per "
            "million tokens, or no cap of money."
        )
