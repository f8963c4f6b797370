"""The words of a canonical report: each axis is one enumeration, each word stands once.

The rule of this module: a word and everything that follows from it stand on one line.
Code, documentation and the JSON Schema read these lines; nobody types a word twice.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A word of the vocabulary, with its meaning beside it.

    Attributes:
        meaning: one phrase for people.
    """

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Outcome(Word):
    """What a status comes to. Derived from `Status`, never stored."""

    PENDING = "pending", "somebody still has to deliver it, or to say so"
    SUCCESS = "success", "it arrived"
    FAILURE = "failure", "it did not arrive"
    UNKNOWN = "unknown", "nobody knows"


class Status(StrEnum):
    """Where the message has got to.

    Attributes:
        outcome: what the status comes to.
        meaning: one sentence for people.
    """

    outcome: Outcome
    meaning: str

    def __new__(cls, value: str, outcome: Outcome, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.outcome = outcome
        member.meaning = meaning
        return member

    ACCEPTED = "accepted", Outcome.PENDING, "the provider holds it: queued, scheduled, acknowledged"
    SENT = "sent", Outcome.PENDING, "handed to a carrier; nothing from the handset"
    DEFERRED = "deferred", Outcome.PENDING, "an attempt failed, somebody is still trying"
    DELIVERED = "delivered", Outcome.SUCCESS, "delivered"
    READ = "read", Outcome.SUCCESS, "the recipient opened it"
    UNDELIVERED = "undelivered", Outcome.FAILURE, "it reached a network and could not be delivered"
    EXPIRED = "expired", Outcome.FAILURE, "its validity ended first"
    REJECTED = "rejected", Outcome.FAILURE, "refused before delivery was tried"
    DELETED = "deleted", Outcome.FAILURE, "cancelled, or removed from a queue"
    FAILED = "failed", Outcome.FAILURE, "it failed, and no more is said"
    UNKNOWN = "unknown", Outcome.UNKNOWN, "the provider does not know, or what it said is in no table"


class Evidence(Word):
    """The furthest party whose word a status is. A carrier's acknowledgement is no handset's."""

    PROVIDER = "provider", "the provider says so of its own doing"
    CARRIER = "carrier", "a carrier says so"
    HANDSET = "handset", "the handset acknowledged it"
    RECIPIENT = "recipient", "the recipient did something with it"
    TIMEOUT = "timeout", "nobody spoke; somebody's clock ran out"


class Permanence(Word):
    """How long a cause lasts."""

    PERMANENT = "permanent", "it will not pass"
    TEMPORARY = "temporary", "it passes by itself"
    UNTIL_FIXED = "until_fixed", "it lasts until the party that can do something has done it"
    PERMANENT_HERE = "permanent_here", "permanent with this provider or on this channel; another may do better"
    UNKNOWN = "unknown", "nobody says"


class Party(Word):
    """Who can do something about a cause."""

    SENDER = "sender", "whoever writes the messages"
    SENDER_DATA = "sender_data", "whoever keeps the sender's list of numbers"
    RECIPIENT = "recipient", "the person with the phone"
    ACCOUNT = "account", "whoever holds the account with the provider"
    PROVIDER = "provider", "the provider"
    CARRIER = "carrier", "the recipient's network"
    NOBODY = "nobody", "only time helps"


class Resend(Word):
    """May the gateway send the message again?"""

    NO = "no", "it arrived, or it never will"
    WAIT = "wait", "somebody is still trying, and a second copy may arrive"
    LATER = "later", "yes, the same way, after some time"
    AFTER_FIX = "after_fix", "yes, once what was wrong is put right"
    ELSEWHERE = "elsewhere", "yes, by another provider, route or channel"
    UNSAFE = "unsafe", "no more word will come, and a copy may have arrived"


class Cause(StrEnum):
    """Why a message was not delivered.

    Attributes:
        permanence: how long the cause lasts.
        party: who can do something about it.
        resend: what it advises.
        general: true where a specific cause, if one is named, takes its place.
        meaning: one sentence for people.
    """

    permanence: Permanence
    party: Party
    resend: Resend
    general: bool
    meaning: str

    def __new__(cls, value: str, permanence: str, party: str, resend: str, meaning: str, general: bool = False) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.permanence = Permanence[permanence.upper()]
        member.party = Party[party.upper()]
        member.resend = Resend[resend.upper()]
        member.general = general
        member.meaning = meaning
        return member

    # fmt: off
    # word               permanence        party          resend       meaning
    INVALID_NUMBER = "invalid_number", "permanent", "sender_data", "no", "malformed, unallocated, or a landline"
    UNKNOWN_SUBSCRIBER = "unknown_subscriber", "permanent", "sender_data", "no", "no network knows the subscriber"
    ABSENT_SUBSCRIBER = "absent_subscriber", "temporary", "nobody", "later", "switched off or out of coverage"
    HANDSET_BUSY = "handset_busy", "temporary", "recipient", "later", "the handset was busy"
    HANDSET_FULL = "handset_full", "temporary", "recipient", "later", "the handset's memory is full"
    HANDSET_UNSUPPORTED = "handset_unsupported", "permanent", "recipient", "no", "the handset cannot take it"
    BARRED = "barred", "temporary", "recipient", "later", "call barring, or roaming not allowed"
    NOT_PROVISIONED = "not_provisioned", "permanent", "carrier", "no", "no SMS service, or an illegal subscriber"
    OPTED_OUT = "opted_out", "permanent", "recipient", "no", "a stop word, or a do-not-disturb register"
    BLACKLISTED = "blacklisted", "permanent", "provider", "no", "the number is on a provider's or carrier's list"
    SENDER_REJECTED = "sender_rejected", "until_fixed", "sender", "after_fix", "sender not allowed or not registered"
    CONTENT_REJECTED = "content_rejected", "until_fixed", "sender", "after_fix", "a filter, a template or the length"
    NO_CREDIT = "no_credit", "until_fixed", "account", "after_fix", "the account is out of credit"
    ACCOUNT_REJECTED = "account_rejected", "until_fixed", "account", "after_fix", "the account may not send this"
    DUPLICATE = "duplicate", "temporary", "sender", "later", "too many identical messages"
    THROTTLED = "throttled", "temporary", "sender", "later", "too many messages in too short a time"
    UNROUTABLE = "unroutable", "permanent_here", "provider", "elsewhere", "no route, country or operator"
    NOT_ON_CHANNEL = "not_on_channel", "permanent_here", "recipient", "elsewhere", "the recipient is not on the channel"
    WINDOW_CLOSED = "window_closed", "until_fixed", "sender", "after_fix", "no consent, or the conversation is over"
    RECIPIENT_CREDIT = "recipient_credit", "temporary", "recipient", "later", "the recipient pays, and cannot"
    AGE_RESTRICTED = "age_restricted", "permanent", "recipient", "no", "the recipient is too young for it"
    QUIET_HOURS = "quiet_hours", "temporary", "nobody", "later", "not at this hour"
    PRICE_LIMIT = "price_limit", "until_fixed", "account", "after_fix", "it costs more than the account allows"
    FRAUD_BLOCKED = "fraud_blocked", "until_fixed", "account", "after_fix", "traffic pumping, or a platform's policy"
    BAD_REQUEST = "bad_request", "until_fixed", "sender", "after_fix", "a malformed parameter"
    CANCELLED = "cancelled", "permanent", "sender", "no", "the sender cancelled it", True
    CARRIER_REJECTED = "carrier_rejected", "unknown", "carrier", "elsewhere", "the carrier refused it", True
    EXPIRED = "expired", "temporary", "carrier", "later", "its validity ended first", True
    CARRIER_ERROR = "carrier_error", "temporary", "carrier", "later", "the carrier failed", True
    PROVIDER_ERROR = "provider_error", "temporary", "provider", "later", "the provider failed", True
    TEMPORARY = "temporary", "temporary", "provider", "later", "a failure called temporary, and no more is said", True
    # fmt: on


def advise_resend(status: Status, final: bool, cause: Cause | None, continues: bool) -> Resend:
    """May the gateway send it again? The one rule, a line a case.

    Args:
        status: where the message has got to.
        final: whether the provider will not change it.
        cause: why it was not delivered, if that was said.
        continues: whether the provider itself goes on to another channel.
    """
    outcome = status.outcome
    if outcome is Outcome.SUCCESS:
        return Resend.NO
    if not final or continues:
        return Resend.WAIT
    if outcome is not Outcome.FAILURE:
        return Resend.UNSAFE
    if cause is not None:
        return cause.resend
    if status is Status.EXPIRED:
        return Resend.LATER
    return Resend.NO if status is Status.DELETED else Resend.ELSEWHERE
