"""What a provider makes ready for each account, and where it is kept: with the account, for as long as that lives.

Nothing that is made here refers to the account or to the provider, so that neither is kept
alive by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from weakref import ref

import msgspec

from delivrd.accounts import Account, credentials_of
from delivrd.auth import Scheme
from delivrd.blots import Blotter
from delivrd.builder import Read
from delivrd.classify import Classifier
from delivrd.errors import AccountError
from delivrd.inputs import Input
from delivrd.memory import Recent
from delivrd.readers import Terms
from delivrd.settings import read_settings
from delivrd.tables import CodeTable, Meanings, Offer
from delivrd.verdicts import NoCode

_MEANINGS_KEPT: Final = 64
"""Lists of meanings whose classifiers are kept for accounts that are made anew with them."""


class Ready(msgspec.Struct):
    """What a provider has made ready for one account, each of it when it is first needed. `Account.ready` holds it.

    Attributes:
        blotter: takes out the account's secrets, as this provider knows them.
        terms: what the account adds to every way of reading.
        readers: for each kind of input.
        proofs: how each kind of input is authenticated, and whether one of these ways suffices alone.
    """

    blotter: Blotter
    terms: Terms | None = None
    readers: dict[type[Input], Read] = {}
    proofs: dict[type[Input], tuple[tuple[Scheme, ...], bool]] = {}


class Binder:
    """Makes ready what a provider needs of an account.

    Args:
        name: the provider's.
        settings: the shape of an account's own settings.
        secret_settings: those of them that nobody may see.
        auth: how an input is authenticated.
        tables, finality, no_code, offers: as declared.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: type[msgspec.Struct],
        secret_settings: tuple[str, ...],
        auth: tuple[Scheme, ...],
        tables: tuple[CodeTable, ...],
        finality: str | None,
        no_code: NoCode | None,
        offers: tuple[Offer, ...],
    ) -> None:
        self._name = name
        self._shape = settings
        self._secret_settings = secret_settings
        self._auth = auth
        self._tables = tables
        self._finality = finality
        self._no_code = no_code
        self._offers = offers
        self._classifiers: dict[tuple[bool, ...], Classifier] = {}
        # With the meanings themselves, so that the ids by which they are found stay theirs.
        self._changed: Recent[tuple[int, ...], tuple[tuple[Meanings, ...], Classifier]] = Recent(_MEANINGS_KEPT)
        self._defaults: Any = None
        self.key = ref(self)
        """The key of what an account holds for this provider. It keeps nothing alive."""

    def ready(self, account: Account) -> Ready:
        """What is ready for an account; nothing at first."""
        ready: Ready | None = account.ready.get(self.key)
        if ready is None:
            # What providers that are gone leave behind, the next one clears away.
            for key in [key for key in list(account.ready) if key() is None] if account.ready else ():
                account.ready.pop(key, None)
            ready = account.ready.setdefault(self.key, Ready(Blotter(self._secrets(account))))
        return ready

    def _secrets(self, account: Account) -> tuple[str, ...]:
        # As given, not as checked: a secret is one even where the settings do not fit.
        secrets, given = credentials_of(account), account.settings
        for name in self._secret_settings if given is not None else ():
            own = given.get(name) if isinstance(given, Mapping) else getattr(given, name, None)
            if isinstance(own, str) and own:
                secrets = (*secrets, own)
        return secrets

    def proofs(self, kind: type[Input], account: Account, ready: Ready) -> tuple[tuple[Scheme, ...], bool]:
        """How an input of this kind is authenticated, and whether one of these ways suffices alone."""
        schemes = tuple([scheme for scheme in self._auth if scheme.takes is kind and scheme.configured(account)])
        found = ready.proofs[kind] = (schemes, True in [scheme.sufficient for scheme in schemes])
        return found

    def terms(self, account: Account, ready: Ready) -> Terms:
        """What an account adds to the ways of reading.

        Raises:
            AccountError: the account does not fit.
        """
        if ready.terms is not None:
            return ready.terms
        settings = self._settings(account)
        try:
            classifier = self._classifier(settings, account.meanings)
        except ValueError as error:
            raise AccountError(f"{self._name}: {error}") from error
        zone = None if account.zone is None else account.local_zone()
        hide = ready.blotter.text if ready.blotter else None
        ready.terms = Terms(account.name or None, classifier, zone, settings, account.max_body, hide)
        return ready.terms

    def _settings(self, account: Account) -> Any:
        if account.settings:
            return read_settings(self._name, self._shape, account.settings)
        if self._defaults is None:
            self._defaults = read_settings(self._name, self._shape, None)
        return self._defaults

    def _classifier(self, settings: Any, meanings: Sequence[Meanings]) -> Classifier:
        """The tables with what an account takes of the offers, and with its own meanings.

        Those without meanings of its own are few, and what readers remember of their verdicts serves all accounts.
        """
        taken = tuple([bool(getattr(settings, offer.setting)) for offer in self._offers]) if self._offers else ()
        shared = self._classifiers.get(taken)
        if shared is None:
            offered = [offer.meanings for offer, takes in zip(self._offers, taken, strict=True) if takes]
            made = Classifier(self._tables, finality=self._finality, no_code=self._no_code, meanings=offered)
            shared = self._classifiers.setdefault(taken, made)
        if not meanings:
            return shared
        key = (*taken, *map(id, meanings))
        found = self._changed.get(key)
        if found is None:
            found = (tuple(meanings), shared.with_meanings(meanings))
            self._changed.keep(key, found)
        return found[1]
