"""Loading plugins: one never harms another. The plugins are fake packages, installed on disk."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

import delivrd

SOUND = """
import delivrd
S = delivrd.Source("a page")
ROW = delivrd.Row("SENT", delivrd.Status.SENT, meaning="sent")
class Callback(delivrd.Shape):
    id: delivrd.Code = None
    stat: delivrd.Code = None
READING = delivrd.Reading(shape=Callback, fields=delivrd.Fields(message_id="id"))
def provider(name):
    return delivrd.Provider(name=name, vendor="V", title="T", docs=S,
        tables=(delivrd.CodeTable("stat", (ROW,), S),),
        ways=(delivrd.Push(reading=READING, bodies=(delivrd.BodyKind.JSON,)),))
@delivrd.hookimpl
def delivrd_providers():
    return [provider(name) for name in NAMES]
"""

BROKEN = {
    "raises on import": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exits on import": ("raise SystemExit(3)", "SystemExit: 3"),
    "exits on import by sys.exit": ("import sys; sys.exit()", "SystemExit: "),
    "is cancelled on import": ("import asyncio; raise asyncio.CancelledError('stop')", "CancelledError: stop"),
    "ends the test run on import": ("import pytest; pytest.exit('enough')", "Exit: enough"),
    "raises what is no Exception on import": ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
    "raises what cannot be shown": (
        "class Odd(BaseException):\n def __str__(self): raise SystemExit\nraise Odd",
        "Odd: its own text raised SystemExit",
    ),
    "raises what is no Exception in its hook": (
        "import delivrd\n@delivrd.hookimpl\ndef delivrd_providers(): raise GeneratorExit('hook')",
        "GeneratorExit: hook",
    ),
    "raises what is no Exception among its providers": (
        SOUND
        + "NAMES = ['acme']\n@delivrd.hookimpl\ndef delivrd_providers():\n yield provider('acme')\n raise GeneratorExit('late')",
        "GeneratorExit: late",
    ),
    "brings a provider whose name raises": (
        SOUND.replace("return delivrd.Provider(", "return Odd(") + "NAMES = ['acme']\n"
        "class Odd(delivrd.Provider):\n name = property(lambda self: exit(), lambda self, name: None)",
        "expected providers, got Odd",
    ),
    "brings what says that it is a provider": (
        "import delivrd\nclass Odd:\n __class__ = delivrd.Provider\n def check(self): pass\n"
        "@delivrd.hookimpl\ndef delivrd_providers(): return [Odd()]",
        "expected providers, got Odd",
    ),
    "brings a name that equals none": (
        SOUND + "class Odd(str):\n __hash__ = str.__hash__\n def __eq__(self, other): raise SystemExit\n"
        "NAMES = [Odd('acme'), Odd('acme')]",
        "plugin acme",
    ),
    "has no hook": ("x = 1", "expected a function delivrd_providers"),
    "misspells the hook": ("import delivrd\n@delivrd.hookimpl\ndef delivrd_provider(): return []", "delivrd_provider"),
    "takes what the hook has not": ("import delivrd\n@delivrd.hookimpl\ndef delivrd_providers(x): return []", "x"),
    "brings something else": (
        "import delivrd\n@delivrd.hookimpl\ndef delivrd_providers(): return [7]",
        "expected providers, got int",
    ),
    "brings nothing": ("import delivrd\n@delivrd.hookimpl\ndef delivrd_providers(): return None", "plugin acme"),
    "contradicts itself": (SOUND.replace('"T"', '"T", finality="x"') + "\nNAMES = ['UPPER']", "name 'UPPER'"),
    "brings one name twice": (SOUND + "NAMES = ['acme', 'acme']", "it brings two providers named acme"),
    "names a field that its shape has not": (
        SOUND.replace('message_id="id"', 'message_id="mid"') + "\nNAMES = ['acme']",
        "has no field mid",
    ),
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = set(sys.modules)
    real = [entry for entry in distributions() if entry.name.startswith("delivrd")]
    block = [entry.name for found in real for entry in found.entry_points if entry.group == "delivrd"]
    yield Site(tmp_path, block)
    for name in set(sys.modules) - before:
        del sys.modules[name]


class Site:
    def __init__(self, folder: Path, block: list[str]) -> None:
        self.folder = folder
        self.block = block

    def install(self, distribution: str, code: str, entry: str | None = None) -> None:
        module = distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(code, encoding="utf-8")
        info = self.folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[delivrd]\n{entry or distribution} = {module}\n", encoding="utf-8")

    def registry(self, **more) -> delivrd.Registry:
        return delivrd.Registry.installed(block=[*self.block, *more.pop("block", [])], **more)


def test_the_providers_of_every_installed_plugin_are_found_by_name(site):
    site.install("acme", SOUND + "NAMES = ['acme-one', 'acme-two']")
    site.install("other", SOUND + "NAMES = ['other']")
    registry = site.registry()
    assert list(registry) == ["acme-one", "acme-two", "other"]
    assert len(registry) == 3
    assert registry["other"].name == "other"
    loaded = [plugin for plugin in registry.plugins if not plugin.blocked]
    assert [(plugin.distribution, plugin.providers) for plugin in loaded] == [
        ("acme 1.0", ("acme-one", "acme-two")),
        ("other 1.0", ("other",)),
    ]


@pytest.mark.parametrize(("code", "said"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_plugin_is_set_aside_and_harms_no_other(site, code, said):
    site.install("acme", code)
    site.install("other", SOUND + "NAMES = ['other']")
    registry = site.registry()
    assert list(registry) == ["other"]
    assert "acme" not in registry
    for name in ("acme", "acme-legacy"):
        with pytest.raises(delivrd.PluginError, match="plugin acme .acme 1.0.") as broken:
            registry[name]
        assert said in str(broken.value)
    with pytest.raises(
        delivrd.UnknownProvider, match="no provider 'nobody'; installed: other; set aside as broken: acme"
    ):
        registry["nobody"]


def test_the_users_own_interrupt_is_no_fault_of_a_plugin(site):
    site.install("acme", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.registry()


def test_two_providers_of_one_name_are_both_refused_naming_both_packages(site):
    for distribution in ("acme", "acme-fork", "zeta"):
        site.install(distribution, SOUND + "NAMES = ['acme']")
    site.install("other", SOUND + "NAMES = ['other']")
    registry = site.registry()
    assert list(registry) == ["other"]
    with pytest.raises(delivrd.PluginError, match="acme 1.0 and acme-fork 1.0 and zeta 1.0; uninstall or block"):
        registry["acme"]
    assert list(registry.refused) == ["acme"]
    assert list(site.registry(block=["acme-fork", "zeta"])) == ["acme", "other"]


def test_a_plugin_that_is_blocked_or_not_allowed_is_not_loaded(site):
    site.install("acme", "raise RuntimeError")
    site.install("other", SOUND + "NAMES = ['other']")
    for registry in (site.registry(block=["acme"]), site.registry(allow=["other"])):
        assert list(registry) == ["other"]
        assert [plugin.name for plugin in registry.plugins if plugin.name == "acme" and plugin.blocked] == ["acme"]
        with pytest.raises(delivrd.UnknownProvider, match="no provider 'acme'; installed: other$"):
            registry["acme"]


def test_a_name_that_nobody_brings_can_be_asked_for_with_a_default():
    registry = delivrd.Registry()
    assert registry.get("acme") is None
    assert "acme" not in registry
    with pytest.raises(KeyError, match="no provider 7"):
        registry[7]


def test_one_text_is_no_list_of_names():
    for names in ({"allow": "messente"}, {"block": "teli"}):
        with pytest.raises(TypeError, match="put it in brackets"):
            delivrd.Registry.installed(**names)


def test_a_near_name_is_suggested():
    with pytest.raises(delivrd.UnknownProvider, match="no provider 'messente-legcy'; did you mean messente-legacy"):
        delivrd.Registry.installed()["messente-legcy"]


def test_an_empty_registry_says_that_nothing_is_installed():
    with pytest.raises(delivrd.UnknownProvider, match="installed: none"):
        delivrd.Registry()["acme"]


def test_a_registry_made_by_hand_refuses_two_of_one_name():
    real = delivrd.Registry.installed()["teli"]
    assert delivrd.Registry([real])["teli"] is real
    with pytest.raises(ValueError, match="two providers are named 'teli'"):
        delivrd.Registry([real, real])


def test_our_own_plugins_are_installed():
    assert {"messente-legacy", "messente-omnichannel", "teli", "upside-wireless"} <= set(delivrd.Registry.installed())
