"""The files of a new provider's package, made from the templates beside this module.

The rule of this module: a file is a template with names put in, or what delivrd itself says of what
those files declare (the outcomes of the fixtures, the page); nothing is typed twice. Nothing is
written before all of it is made.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum, auto
from importlib.abc import InspectLoader
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from types import ModuleType
from typing import Final, NamedTuple

from delivrd.errors import DelivrdError, InputError
from delivrd.files import SUFFIXES, read_samples
from delivrd.pages import provider_page
from delivrd.provider import Provider
from delivrd.receipt import Receipt
from pytest_delivrd.outcomes import OUTCOME, of_file, text_of

_TEMPLATES: Final = files("delivrd.cli") / "templates"
_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST: Final = 40
_UNSPEAKABLE: Final = frozenset("\"'`\\${}<>|#")
"""What a vendor's name cannot hold, because it stands in Python, TOML, YAML and Markdown."""


class Form(StrEnum):
    """How the vendor reports: which template is taken. A folder of templates for each."""

    GET = auto()
    FORM = auto()
    JSON = auto()
    BATCH = auto()
    POLL = auto()
    SMPP = auto()


class ScaffoldError(DelivrdError):
    """The package cannot be made. The message says what to do."""


class Names(NamedTuple):
    """What stands in the templates.

    Attributes:
        name: the provider's.
        vendor: the company.
        plugin: the vendor's name as a plugin's.
        package: what is imported.
        distribution: what is installed.
        module: that of the provider, in the package.
        constant: the provider's name in the module.
        bounds: the versions of delivrd that it is made for.
    """

    name: str
    vendor: str
    plugin: str
    package: str
    distribution: str
    module: str
    constant: str
    bounds: str


def names_of(name: str, vendor: str | None, version: str) -> Names:
    """The names in a package.

    Args:
        name: the provider's, lower case words joined by `-`.
        vendor: the company; the provider's name by default, capitalised.
        version: of delivrd.

    Raises:
        ScaffoldError: one of them cannot be a name.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        better = _slug(name, "-")[:_LONGEST].strip("-")
        hint = f"; try {better}" if better else ""
        raise ScaffoldError(
            f"NAME: expected lower case words of letters a-z and digits, joined by '-', at most {_LONGEST} "
            f"characters{hint}"
        )
    if vendor is None:
        vendor = " ".join(word.capitalize() for word in name.split("-"))
    vendor = " ".join(vendor.split())
    slug = _slug(vendor, "_")
    if not slug or len(vendor) > _LONGEST or not vendor.isprintable() or _UNSPEAKABLE.intersection(vendor):
        raise ScaffoldError(
            f"--vendor: expected the company's name with letters a-z or digits in it, at most {_LONGEST} characters, "
            "none of them a quotation mark or a sign of programming; name it so, and mend the spelling in the package"
        )
    major, minor = (int(part) for part in version.split(".")[:2])
    module = name.replace("-", "_")
    if not module.isidentifier() or keyword.iskeyword(module):
        module = f"sms_{module}"
    return Names(
        name=name,
        vendor=vendor,
        plugin=slug.replace("_", "-"),
        package=f"delivrd_{slug}",
        distribution=f"delivrd-{slug.replace('_', '-')}",
        module=module,
        constant=module.upper(),
        bounds=f">={major}.{minor},<{major}.{minor + 1}",
    )


def package_files(names: Names, form: Form) -> dict[str, bytes]:
    """Every file of the package, by its path in the package's folder.

    Args:
        names: what stands in them.
        form: how the vendor reports.

    Raises:
        ScaffoldError: the templates build on a plugin that is not installed.
    """
    folder, package = _TEMPLATES / form, _TEMPLATES / "package"
    required = folder / "requires.txt"
    beside = required.read_text(encoding="utf-8").split() if required.is_file() else []
    values = names._asdict()
    # A provider of the name of one of its tables would take that table's place.
    taken = re.findall(r"\b[A-Z_]+\b", _text(folder / "provider.py.tmpl") + _text(package / "tables.tmpl"))
    if names.constant in taken:
        values["constant"] = f"SMS_{names.constant}"
    needed = [f"delivrd{names.bounds}", *(Template(each).substitute(values) for each in beside)]
    values["dependencies"] = ", ".join(f'"{each}"' for each in needed)
    values["tables"], values["event"] = (
        _filled(package / f"{each}.tmpl", values).rstrip("\n") for each in ("tables", "event")
    )
    source = _filled(folder / "provider.py.tmpl", values)
    fixtures = {
        f"fixtures/{names.name}/{each.name}": _filled(each, values).encode() for each in (folder / "fixtures").iterdir()
    }
    with _loaded(f"{names.package}.{names.module}", source, form) as module:
        provider: Provider = getattr(module, values["constant"])
        outcomes = {_outcome_path(path): _outcome(provider, path, data) for path, data in fixtures.items()}
        page = provider_page(provider)
    texts = {
        "pyproject.toml": _filled(package / "pyproject.toml.tmpl", values),
        "README.md": _filled(package / "README.md.tmpl", values),
        ".gitignore": _filled(package / "gitignore.tmpl", values),
        ".github/workflows/test.yml": _filled(package / "test.yml.tmpl", values),
        f"{names.package}/__init__.py": _filled(package / "init.py.tmpl", values),
        f"{names.package}/{names.module}.py": source,
        f"{names.package}/py.typed": "",
        f"docs/{names.name}.md": page,
    }
    made = {path: text.encode() for path, text in texts.items()} | fixtures | outcomes
    return dict(sorted(made.items()))


def write_files(folder: Path, made: Mapping[str, bytes]) -> None:
    """Write files into a new folder, or an empty one.

    Raises:
        ScaffoldError: something is there already, or it cannot be written. What is there stays.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ScaffoldError("it is there already, and nothing is written over; name another folder with --into")
        for path, content in made.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                file.write(content)
    except OSError as error:
        raise ScaffoldError(f"cannot be written ({error.strerror}); name another folder with --into") from error


def _slug(text: str, joint: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return joint.join(re.findall(r"[a-z0-9]+", plain))


def _text(template: Traversable) -> str:
    return template.read_text(encoding="utf-8")


def _filled(template: Traversable, values: Mapping[str, str]) -> str:
    return Template(_text(template)).substitute(values)


def _outcome_path(path: str) -> str:
    return next(path.removesuffix(suffix) for suffix in SUFFIXES if path.endswith(suffix)) + OUTCOME


def _outcome(provider: Provider, path: str, data: bytes) -> bytes:
    """What comes of a fixture, as the kit will compare it."""
    outcomes: list[Receipt | InputError] = []
    for sample in read_samples(path, data):
        try:
            outcomes.append(provider.read(sample.input, sample.account, asked=sample.asked))
        except InputError as error:
            outcomes.append(error)
    return text_of(of_file(path[path.rindex(".") :], outcomes)).encode()


class _Source(InspectLoader):
    """A module that is only a text yet."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source


@contextmanager
def _loaded(name: str, source: str, form: Form) -> Iterator[ModuleType]:
    """The module of a text. While it is used it stands where the types of its shapes are looked up."""
    spec = importlib.util.spec_from_loader(name, _Source(source))
    if spec is None or spec.loader is None:
        raise ScaffoldError(f"{name}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    except ModuleNotFoundError as error:
        extra = (error.name or "").removeprefix("delivrd_").replace("_", "-")
        raise ScaffoldError(
            f"--shape {form}: it builds on a plugin that is not installed; pip install 'delivrd[{extra}]'"
        ) from error
    finally:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
