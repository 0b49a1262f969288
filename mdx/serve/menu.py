"""The systems that the page offers, and the system that a worker must load for a choice."""

from dataclasses import dataclass
from typing import Any

from mdx.errors import ConfigError
from mdx.estimators.front_ends import has_fixed_input
from mdx.limit.policy import find_limit
from mdx.runtimes.runtime import Runtime
from mdx.serve.crew import Setup
from mdx.serve.jobs import Wish
from mdx.serve.settings import Settings
from mdx.systems.listing import Listing, list_system, list_systems
from mdx.systems.selection import stems_of


@dataclass(frozen=True)
class Choice:
    """Valid options of a separation."""

    setup: Setup  # for a worker
    rest: str | None  # the stem with the rest of the mixture
    limit: tuple[str, float, float] | None  # the fields of a Limit


class Menu:
    """The systems by name; a name from the page is looked up here and is never a path."""

    def __init__(self, settings: Settings) -> None:
        """`settings.system` may be the path of a YAML; raises ConfigError without its weights."""
        own = list_system(settings.system)
        self._settings = settings
        self._systems = {listing.spec.name: listing for listing in list_systems()}
        self._systems[own.spec.name] = own
        self._path_of = {own.spec.name: settings.system}
        self.default = own.spec.name
        self._computes_bf16 = Runtime(settings.runtime, provider=settings.provider).computes_bf16
        if not own.here:
            raise ConfigError(
                f"system {own.spec.name}", got="no weights here", expected="all of them",
                hint=f"mdx fetch {own.spec.name}",
            )  # fmt: skip
        self.precision = settings.precision  # selected at first
        if self.precision == "auto":
            *_, self.precision = self._precisions(own)  # the fastest
        self.choose(Wish(self.default, self.precision))

    def as_json(self) -> list[dict[str, Any]]:
        """All systems for the page, the available ones first."""
        shown = [self._as_json(listing) for listing in self._systems.values()]
        return sorted(shown, key=lambda it: (not it["here"], it["name"] != self.default))

    def choose(self, wish: Wish) -> Choice:
        """Resolve options; raises ConfigError for an unknown system, precision or stem."""
        listing = self._systems.get(wish.system)
        if listing is None or not listing.here:
            known = [name for name, other in self._systems.items() if other.here]
            got = f"'{wish.system}'" if listing is None else f"'{wish.system}', which is not here"
            raise ConfigError("system", got=got, expected=f"one of {', '.join(known)}")
        allowed = self._precisions(listing)
        if wish.precision not in allowed:
            raise ConfigError(
                f"system {wish.system}", got=f"precision '{wish.precision}'",
                expected=f"one of {', '.join(allowed)}",
            )  # fmt: skip
        sources, rest = stems_of(listing.spec, None, wish.two_stems)
        limit = find_limit(self._settings.limit, listing.spec.limit)
        limited = limit is not None and limit.kind != "none"
        setup = Setup(
            system=str(self._path_of.get(wish.system, wish.system)), precision=wish.precision,
            sources=sources, limited=limited, threads=self._settings.threads,
            runtime=self._settings.runtime, provider=self._settings.provider,
        )  # fmt: skip
        return Choice(setup, rest, (limit.kind, limit.value, limit.most) if limit else None)

    def _precisions(self, listing: Listing) -> list[str]:
        here = {
            "float32": True,
            "bf16": self._computes_bf16 and has_fixed_input(listing.spec),
            "int8": listing.int8,
        }
        return [precision for precision, is_here in here.items() if is_here]

    def _as_json(self, listing: Listing) -> dict[str, Any]:
        spec = listing.spec
        return {
            "name": spec.name,
            "description": spec.description,
            "stems": spec.stems,
            "data": "; ".join(spec.training_data) or "nothing",
            "licence": listing.licence,
            "here": listing.here,
            "fetch": f"mdx fetch {spec.name}" if listing.fetchable else "",
            "precisions": self._precisions(listing),
        }
