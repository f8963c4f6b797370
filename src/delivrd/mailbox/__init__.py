"""Reports by mail, from a mailbox: POP3, IMAP or a maildir.

    with Imap(Login(host="mail.example", user="dlr", password=...)) as box:
        for collected in collect(box, provider, account, handler):
            ...

The rule of this package: a mail is deleted or marked only after its report was handed over. It needs no
extra, only the standard library; the core never imports it, for that brings sockets.
"""

from __future__ import annotations

from delivrd.mailbox.box import Box, Letter, MailboxError, Maildir
from delivrd.mailbox.collecting import Collected, Fate, MailHandler, collect
from delivrd.mailbox.servers import Encryption, Imap, Login, Pop3

__all__ = [
    "Box",
    "Collected",
    "Encryption",
    "Fate",
    "Imap",
    "Letter",
    "Login",
    "MailHandler",
    "MailboxError",
    "Maildir",
    "Pop3",
    "collect",
]
