"""The accounts of a gateway, by name: made in code, or read from a TOML file.

The rule of this module: an account that cannot work is refused before the first input comes, with
the file, the line and the remedy. No message shows anything that is written in the file: a secret can
stand in the place of a name, of a table, of a variable or in what is no TOML at all. The line says enough.

    [accounts.main]
    provider = "acme"
    secrets = [{env = "ACME_SECRET"}, {file = "old-secret.txt"}]
    zone = "Europe/Tallinn"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NoReturn

from delivrd.accounts import Account, meant, unknown_field
from delivrd.errors import AccountError, PluginError
from delivrd.provider import Provider
from delivrd.records import encodable
from delivrd.tables import Meanings, Row, check_rows
from delivrd.tomlplaces import Path, holds, line_of, line_of_long_number

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")
"""A name stands in a URL, so it is written with the characters that no URL escapes (RFC 3986, section 2.3)."""

_FIELDS: Final = ("provider", *(field for field in Account.__struct_fields__ if field != "name"))
_SPELLINGS: Final = 'a text, {env = "NAME"} or {file = "PATH"}'

SHORTEST_SECRET: Final = 8
"""Characters of a secret. Vendors' keys are longer; what is shorter is guessed, and found in every text by chance."""

_REMEDY: Final = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(24))"'


class Accounts(Mapping[str, tuple[Provider, Account]]):
    """Accounts by name, each with its provider, in order. It cannot be changed.

    Args:
        pairs: each account beside its provider; the account's own name is its name here.

    Raises:
        AccountError: an account has no name that can stand in a URL, or that of another; it does
            not fit its provider; or it would refuse everything and can ask nothing.
    """

    def __init__(self, pairs: Iterable[tuple[Provider, Account]]) -> None:
        held: dict[str, tuple[Provider, Account]] = {}
        for provider, account in pairs:
            check_account(provider, account)
            if account.name in held:
                raise AccountError(f"two accounts are named {account.name}; rename one")
            held[account.name] = (provider, account)
        self._held = held

    def __getitem__(self, name: str) -> tuple[Provider, Account]:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __repr__(self) -> str:
        return f"Accounts({', '.join(f'{name}: {provider.name}' for name, (provider, _) in self._held.items())})"


def check_account(provider: Provider, account: Account) -> None:
    """Refuse an account that could not work.

    Raises:
        AccountError: as `Accounts`.
    """
    if not _NAME.fullmatch(account.name):
        raise AccountError(
            "name: expected letters, digits, '-', '_', '.' and '~', a letter or a digit first; it stands in a URL"
        )
    for at, secret in enumerate(account.secrets):
        if secret == account.name:
            raise AccountError(f"secrets[{at}]: it is the account's name, which everybody sees; give another")
        if len(secret.strip()) < SHORTEST_SECRET:
            raise AccountError(f"secrets[{at}]: expected at least {SHORTEST_SECRET} characters; {_REMEDY}")
    provider.check(account)
    proven = any(provable(provider, kind, account) for kind in provider.ways)
    if not (account.open or proven or _can_ask(provider, account)):
        known = ", ".join(dict.fromkeys(type(scheme).__name__ for scheme in provider.auth)) or "none"
        raise AccountError(
            f"{provider.name} has no way to prove an input for this account, which would refuse every one "
            f"(ways that it knows: {known}); give it secrets or addresses, or say open = true"
        )


def provable(provider: Provider, kind: Any, account: Account) -> bool:
    """Whether an input of this kind can prove itself for this account."""
    return any(scheme.sufficient for scheme in provider.proofs(kind, account))


def _can_ask(provider: Provider, account: Account) -> bool:
    """Whether the account holds what one of the provider's questions needs: it may be there for asking alone."""
    for question in provider.questions:
        try:
            provider.ask("1", account, operation=question.operation)
        except AccountError:
            continue
        return True
    return False


def load_accounts(path: str, providers: Mapping[str, Provider]) -> Accounts:
    """The accounts of a TOML file; the environment and the files that it names are read as well.

    Args:
        path: of the file. Paths inside it count from its folder.
        providers: by name, as `Registry.installed()` gives them.

    Raises:
        AccountError: the file cannot be read, or as `read_accounts`.
    """
    # Loaded here: only this function touches files and the environment.
    import os
    from pathlib import Path as File

    file = File(path)

    def read_file(name: str) -> bytes:
        return (file.parent / name).read_bytes()

    try:
        data = file.read_bytes()
    except OSError as error:
        raise AccountError(f"{path}: expected a file that can be read: {error.strerror}") from None
    except ValueError:
        raise AccountError(f"{path!r}: expected the name of a file; no file can have this one") from None
    return read_accounts(str(path), data, providers, environ=os.environ, read_file=read_file)


def read_accounts(
    name: str,
    data: bytes,
    providers: Mapping[str, Provider],
    *,
    environ: Mapping[str, str] | None = None,
    read_file: Callable[[str], bytes] | None = None,
) -> Accounts:
    """The accounts of a TOML document.

    Args:
        name: of the file, for messages.
        data: its content.
        providers: by name.
        environ: where `{env = "NAME"}` is looked up; nowhere by default.
        read_file: reads `{file = "PATH"}`, raising `OSError` where it cannot; no file by default.

    Raises:
        AccountError: the document, or an account in it, cannot be meant; the message begins with
            the file and the line.
    """
    try:
        return _Document(name, data, providers, environ or {}, read_file).accounts()
    except AccountError as error:
        said = str(error)
    # Raised anew outside the handler: what led to it, which a traceback would show, can quote the file.
    raise AccountError(said)


class _Document:
    """A file of accounts while it is read."""

    def __init__(
        self,
        name: str,
        data: bytes,
        providers: Mapping[str, Provider],
        environ: Mapping[str, str],
        read_file: Callable[[str], bytes] | None,
    ) -> None:
        self.name = name
        self.providers = providers
        self.environ = environ
        self.read_file = read_file
        try:
            self.text = data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise AccountError(f"{name}: line {line}: expected UTF-8") from None
        try:
            self.document = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise AccountError(f"{name}: {_place_in(str(error), self.text)}: {_NO_TOML}") from None
        except RecursionError:
            raise AccountError(f"{name}: expected TOML that is not nested so deep") from None
        except ValueError:
            # What `int` refuses goes through the parser as it is.
            line = line_of_long_number(self.text)
            raise AccountError(f"{name}: line {line}: expected a number of fewer digits") from None

    def accounts(self) -> Accounts:
        tables = self.document.get("accounts")
        for key in self.document:
            if key != "accounts":
                self._refuse((key,), "expected accounts only, each a table [accounts.NAME]")
        if not isinstance(tables, dict) or not tables:
            self._refuse(("accounts",), "expected at least one account: a table [accounts.NAME]")
        return Accounts([self._account(name, table) for name, table in tables.items()])

    def _account(self, name: str, table: object) -> tuple[Provider, Account]:
        here: Path = ("accounts", name)
        if not isinstance(table, dict):
            self._refuse(here, "expected a table: [accounts.NAME]")
        for key in table:
            if key not in _FIELDS:
                self._refuse((*here, key), unknown_field(key, _FIELDS))
        provider = self._provider(here, table)
        fields = {key: value for key, value in table.items() if key != "provider"}
        self._check_keys((*here, "meanings"), table.get("meanings"), Meanings)
        self._check_settings((*here, "settings"), table.get("settings"), provider)
        self._fill(here, fields, provider)
        try:
            account = Account.from_dict({"name": name, **fields})
            self._check_meanings(here, account, provider)
            check_account(provider, account)
        except AccountError as error:
            said = str(error)
            about = said.removeprefix(provider.name).lstrip(",: ")
            self._refuse(_place(self.document, here, about), said)
        return provider, account

    def _provider(self, here: Path, table: Mapping[str, Any]) -> Provider:
        name = table.get("provider")
        if not isinstance(name, str):
            installed = ", ".join(self.providers) or "none"
            self._refuse((*here, "provider"), f"provider: expected the name of a provider; installed: {installed}")
        try:
            return self.providers[name]
        except PluginError as error:
            self._refuse((*here, "provider"), f"provider: {error}")
        except KeyError:
            near = meant(name, self.providers)
            said = f"provider: no provider has this name{near}; installed: {', '.join(self.providers) or 'none'}"
            self._refuse((*here, "provider"), said)

    def _check_keys(self, here: Path, tables: object, kind: type[Meanings | Row]) -> None:
        """Refuse a misspelt key of a meaning or of a row; the values are checked with the account."""
        known = kind.__struct_fields__
        for at, table in enumerate(tables if isinstance(tables, list) else ()):
            for key, value in table.items() if isinstance(table, dict) else ():
                path = (*here, at, key)
                if key not in known:
                    self._refuse(path, f"{_spelt(path[2:-1])}: {unknown_field(key, known)}")
                if key == "rows":
                    self._check_keys(path, value, Row)

    def _check_settings(self, here: Path, settings: object, provider: Provider) -> None:
        known = provider.settings.__struct_fields__
        for key in settings if isinstance(settings, dict) else ():
            if key not in known:
                self._refuse((*here, key), f"{provider.name}, settings: {unknown_field(key, known)}")

    def _check_meanings(self, here: Path, account: Account, provider: Provider) -> None:
        """Refuse meanings that do not fit, without the codes and fields that the provider's own check shows."""
        tables = {table.name: table for table in provider.tables}
        for at, meaning in enumerate(account.meanings):
            path: Path = (*here, "meanings", at)
            table = tables.get(meaning.field)
            if table is None:
                said = f"no field of this name{meant(meaning.field, tables)}; expected one of: {', '.join(tables)}"
                self._refuse((*path, "field"), f"{_spelt(path[2:])}.field: {said}")
            for place, row in enumerate(meaning.rows):
                try:
                    check_rows(table, (row,))
                except ValueError as error:
                    said = str(error).removeprefix(f"table {table.name}, code {row.label!r}: ")
                    self._refuse((*path, "rows", place), f"{_spelt(path[2:])}.rows[{place}]: {said}")
            try:
                check_rows(table, meaning.rows)
            except ValueError:
                self._refuse((*path, "rows"), f"{_spelt(path[2:])}.rows: one code is listed twice; keep one row of it")

    def _fill(self, here: Path, fields: dict[str, Any], provider: Provider) -> None:
        """Put in place of each name of a variable or a file the secret that it holds."""
        secrets = fields.get("secrets")
        if isinstance(secrets, list):
            fields["secrets"] = [self._secret((*here, "secrets", at), each) for at, each in enumerate(secrets)]
        if "password" in fields:
            fields["password"] = self._secret((*here, "password"), fields["password"])
        settings = fields.get("settings")
        if isinstance(settings, dict):
            fields["settings"] = {
                key: self._secret((*here, "settings", key), value) if key in provider.secret_settings else value
                for key, value in settings.items()
            }

    def _secret(self, path: Path, given: object) -> object:
        if not isinstance(given, dict):
            return given
        if (
            len(given) != 1
            or not given.keys() <= {"env", "file"}
            or not all(isinstance(v, str) for v in given.values())
        ):
            self._refuse(path, f"{_spelt(path[2:])}: expected {_SPELLINGS}")
        ((source, name),) = given.items()
        found = self._variable(path, name) if source == "env" else self._file(path, name)
        # Editors and shells end a text with a line end, which is no part of a secret.
        secret = found.removesuffix("\n").removesuffix("\r")
        if (wrong := _unlikely(secret)) is not None:
            self._refuse(path, f"{_spelt(path[2:])}: the {_SOURCES[source]} {wrong}")
        return secret

    def _variable(self, path: Path, name: str) -> str:
        found = self.environ.get(name)
        if found is None:
            self._refuse(path, f"{_spelt(path[2:])}: the environment has no variable of this name; set it")
        if encodable(found) != found:
            self._refuse(path, f"{_spelt(path[2:])}: the variable: expected UTF-8; write the secret in it anew")
        return found

    def _file(self, path: Path, name: str) -> str:
        if self.read_file is None:
            self._refuse(path, f'{_spelt(path[2:])}: no files are read here; give a text or {{env = "NAME"}}')
        try:
            return self.read_file(name).decode()
        except UnicodeDecodeError:
            self._refuse(path, f"{_spelt(path[2:])}: the file: expected UTF-8; save it as UTF-8")
        except OSError as error:
            self._refuse(path, f"{_spelt(path[2:])}: the file cannot be read: {error.strerror or 'no such file'}")
        except ValueError:
            # Python's answer to a NUL.
            self._refuse(path, f"{_spelt(path[2:])}: no file can have this name; give another")

    def _refuse(self, path: Path, said: str) -> NoReturn:
        raise AccountError(f"{self.name}: line {line_of(self.text, path)}: {said}") from None


_SOURCES: Final = {"env": "variable", "file": "file"}


def _unlikely(secret: str) -> str | None:
    """Why a secret from outside the accounts file cannot be meant, and the remedy."""
    if not secret:
        return "is empty; an empty secret admits everybody"
    if secret.isspace():
        return "holds nothing but blanks; write the secret in it"
    if secret.startswith("\ufeff"):
        return "begins with a byte-order mark; save it without one"
    if "\n" in secret or "\r" in secret:
        return "holds a line end inside, or more than one at the end; write one secret in it, on one line"
    return "holds a NUL; write the secret in it as text" if "\0" in secret else None


_STEP: Final = re.compile(r"([A-Za-z_][\w-]*)|\[(\d+)\]")


def _place(document: Mapping[str, Any], here: Path, said: str) -> Path:
    """The value that a message is about: it begins with its fields (`meanings[0].rows[1].code: …`)."""
    place = here
    while True:
        fields, colon, rest = said.partition(":")
        steps = [name or int(at) for name, at in _STEP.findall(fields)]
        if not colon or " " in fields or not holds(document, (*place, *steps)):
            break
        place, said = (*place, *steps), rest.strip()
    return place


def _spelt(path: Path) -> str:
    """A path as one text: `accounts.main.secrets[0]`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


_NO_TOML: Final = (
    "expected TOML; put texts in quotation marks, close what is opened, and write each table and each key once"
)


def _place_in(said: str, text: str) -> str:
    """The place that TOML's parser names at the end of its message, which shows keys in its other words."""
    found = re.search(r"\(at line ([0-9]+), column ([0-9]+)\)$", said)
    return f"line {found[1]}, column {found[2]}" if found else f"line {text.count(chr(10)) + 1}, at the end"
