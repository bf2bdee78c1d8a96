"""What is installed where the tests run, as far as it could be read: versions, modules, names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledName:
    """A public function, class or method. ``name`` is dotted within its module; ``signature`` holds names and
    defaults of parameters in brackets, empty for what is not called; ``summary`` is the first line of its
    documentation."""

    name: str
    signature: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModule:
    """``bound`` are its other names, ``inside`` its submodules, ``stars`` modules whose names it takes over
    and ``origins`` where else names come from. ``sure``: besides those it has no names, now or later."""

    name: str
    distribution: str
    sure: bool = False
    names: tuple[InstalledName, ...] = ()
    bound: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    stars: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    def binds(self, name: str) -> bool:
        return name in self.bound or name in self.inside or any(one.name == name for one in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledPackages:
    """``versions``: distribution → version. ``tops`` are all importable top-level names when ``tops_sure``.
    ``patched`` are names that some package sets on another module. ``problem`` says why little is known."""

    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    tops: frozenset[str] = frozenset()
    tops_sure: bool = False
    standard: frozenset[str] = frozenset()
    modules: Mapping[str, InstalledModule] = field(default_factory=dict)
    patched: frozenset[str] = frozenset()
    problem: str = ""

    def has(self, module: str, name: str) -> bool | None:
        """Whether a module has a name; None where that is not sure."""
        return self._has(module, name, frozenset())

    def _has(self, module: str, name: str, seen: frozenset[str]) -> bool | None:
        found = self.modules.get(module)
        if found is None or module in seen:
            return None
        if found.binds(name) or name in self.patched or (name.startswith("__") and name.endswith("__")):
            return True
        answers = [self._has(star, name, seen | {module}) for star in found.stars]
        if True in answers:
            return True
        return None if not found.sure or None in answers else False

    def importable(self, module: str) -> bool | None:
        """Whether a dotted module can be imported; None where that is not sure."""
        top, *rest = module.split(".")
        if top not in self.standard and top not in self.tops:
            return False if self.tops_sure and not top.startswith("__") else None
        place = top
        for part in rest:
            found = self.modules.get(place)
            if found is None:
                return None
            if part not in found.inside and f"{place}.{part}" not in self.modules:
                # An attribute may be importable too, when its package puts it among the loaded modules.
                return False if self.has(place, part) is False else None
            place = f"{place}.{part}"
        return True

    def release(self, module: str) -> str:
        """ "requests 2.31.0", "Python 3.11.7"; only the top-level name where the version is not known."""
        top = module.partition(".")[0]
        if top in self.standard:
            return f"Python {self.python}"
        known = self.modules.get(top)
        distribution = known.distribution if known else ""
        version = self.versions.get(distribution, "")
        return f"{distribution} {version}" if version else top

    @property
    def stated(self) -> str:
        """The versions in words: Python's, those of packages that the repository imports, then the others."""
        used = {module.distribution for module in self.modules.values()}
        order = sorted(self.versions, key=lambda name: (name not in used, name))
        named = [f"{name} {self.versions[name]}" for name in order]
        lines = [f"Python {self.python}"] if self.python else []
        lines += ["imported by the repository: " + ", ".join(named[: len(used & {*order})])] if named else []
        others = named[len(used & {*order}) :]
        lines += ["installed besides: " + ", ".join(others)] if others else []
        lines += [self.problem] if self.problem else []
        return "\n".join(lines)

    def offered(self) -> Iterator[tuple[str, InstalledName]]:
        """(dotted public name, what it is) of every public definition, in a fixed order. What a package
        offers under its own name is named so."""
        public = {
            origin: f"{module.name}.{name}"
            for module in self.modules.values()
            for name, origin in module.origins.items()
        }
        for module in self.modules.values():
            for one in module.names:
                dotted = f"{module.name}.{one.name}"
                owner, _, method = one.name.partition(".")
                shown = public.get(f"{module.name}.{owner}")
                if shown is not None:
                    yield (f"{shown}.{method}" if method else shown), one
                elif not any(part.startswith("_") for part in dotted.split(".")):
                    yield dotted, one


NOTHING = InstalledPackages()
