"""The installed providers, by name.

The rule of this module: one plugin never harms another. A broken plugin is set aside with its
error, which is raised only when it is asked for; two providers of one name are both refused.
Pluggy checks each plugin; the loading is our own, because pluggy's stops at the first broken
plugin and silently drops the second of two with one name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

import msgspec
import pluggy

from delivrd import hookspecs
from delivrd.accounts import meant
from delivrd.errors import PluginError, UnknownProvider
from delivrd.provider import Provider


class Plugin(msgspec.Struct, frozen=True):
    """An installed plugin.

    Attributes:
        name: of its entry point: the vendor.
        distribution: the package that brings it, with its version; None where it is not installed.
        providers: the names that it brings.
        error: why it was set aside, if it was.
        blocked: it was not loaded, because the configuration says so.
    """

    name: str
    distribution: str | None = None
    providers: tuple[str, ...] = ()
    error: PluginError | None = None
    blocked: bool = False


class Registry(Mapping[str, Provider]):
    """Providers by name: an ordinary object, and nothing is global.

    Args:
        providers: those to hold; `Registry.installed()` finds the installed ones.

    Raises:
        ValueError: two of them have one name.
    """

    def __init__(self, providers: Iterable[Provider] = ()) -> None:
        self.plugins: tuple[Plugin, ...] = ()
        self._providers: dict[str, Provider] = {}
        self._refused: dict[str, PluginError] = {}
        for provider in providers:
            if provider.name in self._providers:
                raise ValueError(f"two providers are named {provider.name!r}; rename one")
            self._providers[provider.name] = provider

    @classmethod
    def installed(cls, *, allow: Collection[str] | None = None, block: Collection[str] = ()) -> Registry:
        """The providers of all installed plugins.

        Args:
            allow: load only these plugins, by the names of their entry points.
            block: do not load these.
        """
        for names in (allow, block):
            if isinstance(names, str):
                raise TypeError("allow, block: expected a list of names, got one text; put it in brackets")
        registry = cls()
        origins: dict[str, str] = {}
        plugins = []
        for entry in sorted(entry_points(group=hookspecs.GROUP), key=lambda entry: (entry.name, entry.value)):
            origin = _distribution(entry)
            if entry.name in block or (allow is not None and entry.name not in allow):
                plugins.append(Plugin(entry.name, origin, blocked=True))
                continue
            try:
                providers = load_plugin(entry)
            except PluginError as error:
                plugins.append(Plugin(entry.name, origin, error=error))
                continue
            plugins.append(Plugin(entry.name, origin, tuple(providers)))
            for name, provider in providers.items():
                registry._add(name, provider, f"{origin or entry.value}", origins)
        registry.plugins = tuple(plugins)
        return registry

    @property
    def refused(self) -> Mapping[str, PluginError]:
        """The names that two plugins bring, and what to do about each."""
        return dict(self._refused)

    def __getitem__(self, name: str) -> Provider:
        found = self._providers.get(name)
        if found is not None:
            return found
        if name in self._refused:
            raise self._refused[name]
        broken = [plugin for plugin in self.plugins if plugin.error is not None]
        for plugin in broken:
            if plugin.error is not None and (name == plugin.name or name.startswith(plugin.name + "-")):
                raise plugin.error
        message = (
            f"no provider {name!r}{meant(name, self._providers)}; installed: {', '.join(self._providers) or 'none'}"
        )
        if broken:
            message += f"; set aside as broken: {', '.join(plugin.name for plugin in broken)} (see delivrd doctor)"
        raise UnknownProvider(message)

    def __contains__(self, name: object) -> bool:
        return name in self._providers

    def __iter__(self) -> Iterator[str]:
        return iter(self._providers)

    def __len__(self) -> int:
        return len(self._providers)

    def _add(self, name: str, provider: Provider, origin: str, origins: dict[str, str]) -> None:
        if name not in origins:
            origins[name] = origin
            self._providers[name] = provider
            return
        self._providers.pop(name, None)
        self._refused[name] = PluginError(
            f"two plugins bring a provider named {name!r}: {origins[name]} and {origin}; uninstall or block one of them"
        )
        origins[name] += f" and {origin}"


def load_plugin(entry: EntryPoint) -> dict[str, Provider]:
    """Load one plugin and check what it brings.

    Returns:
        Its providers, by name.

    Raises:
        PluginError: it cannot be imported, implements no hook, or brings something that is no
            sound provider.
    """
    where = f"plugin {entry.name} ({_distribution(entry) or entry.value})"
    try:
        module = entry.load()
        manager = pluggy.PluginManager(hookspecs.GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(module, entry.name)
        manager.check_pending()
        if not manager.hook.delivrd_providers.get_hookimpls():
            raise PluginError(f"{where}: expected a function delivrd_providers, marked with delivrd.hookimpl")
        providers: dict[str, Provider] = {}
        for provider in (provider for found in manager.hook.delivrd_providers() for provider in found):
            # A class derived from it, or one that only says that it is one, could do anything when it is asked.
            if type(provider) is not Provider:
                raise PluginError(f"{where}: expected providers, got {type(provider).__name__}")
            provider.check()
            name = provider.name
            if type(name) is not str:
                raise PluginError(f"{where}: expected a provider's name to be a str, got {type(name).__name__}")
            if name in providers:
                raise PluginError(f"{where}: it brings two providers named {name}; rename one")
            providers[name] = provider
        if not providers:
            raise PluginError(f"{where}: expected providers, got none; return them from delivrd_providers")
    except (PluginError, KeyboardInterrupt):
        raise
    # A plugin is a stranger's code: whatever else it raises while it loads (the exit of the program, a cancelled task,
    # an exception of its own that is no Exception) is its own failure.
    except BaseException as error:
        raise PluginError(f"{where}: {type(error).__name__}: {_said(error)}") from error
    return providers


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as another:
        return f"its own text raised {type(another).__name__}"


def _distribution(entry: EntryPoint) -> str | None:
    return None if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
