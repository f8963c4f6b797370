"""A message centre for tests: it speaks SMPP with whoever binds, by an independent library's PDUs (smpplib).

What it does with a message is written in the message: the name of a case. It takes the message, or refuses it, and
sends the case's receipts to everybody who is bound.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from smpplib import consts
from smpplib.smpp import make_pdu, parse_pdu

DELIVERY_RECEIPT = 0x04


@dataclass
class Case:
    """What becomes of a message.

    Attributes:
        receipts: texts, in which `{id}` stands for the message's id, and optional parameters by smpplib's names.
        refused: the command status of the refusal, if it is refused.
    """

    receipts: Iterable[tuple[str, dict[str, Any]]] = ()
    refused: int = 0


@dataclass
class Centre:
    """The centre. `bound` is released once for each client that has bound."""

    cases: dict[str, Case]
    bound: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __enter__(self) -> Centre:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sessions: list[socket.socket] = []
        self._ids = count(1098765432)
        self._sequence = count(1)
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up on everybody."""
        self._listener.close()
        for session in self._sessions:
            with suppress(OSError):
                session.shutdown(socket.SHUT_RDWR)
            session.close()

    def _accept(self) -> None:
        while True:
            try:
                session, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(session,), daemon=True).start()

    def _serve(self, session: socket.socket) -> None:
        try:
            with session.makefile("rb") as stream:
                while len(head := stream.read(4)) == 4:
                    self._answer(session, head + stream.read(struct.unpack(">I", head)[0] - 4))
        except OSError:
            return

    def _answer(self, session: socket.socket, data: bytes) -> None:
        pdu = parse_pdu(data, sequence=0, allow_unknown_opt_params=True)
        match pdu.command:
            case "bind_transceiver" | "bind_receiver" | "bind_transmitter":
                self._send(session, f"{pdu.command}_resp", pdu.sequence, system_id="centre")
                self._sessions.append(session)
                self.bound.release()
            case "submit_sm":
                self._take(session, pdu)
            case "enquire_link" | "unbind":
                self._send(session, f"{pdu.command}_resp", pdu.sequence)

    def _take(self, session: socket.socket, pdu: Any) -> None:
        case = self.cases[pdu.short_message.decode("ascii")]
        if case.refused:
            self._send(session, "submit_sm_resp", pdu.sequence, status=case.refused, message_id="")
            return
        id = str(next(self._ids))
        self._send(session, "submit_sm_resp", pdu.sequence, message_id=id)
        for text, parameters in case.receipts:
            message = text.format(id=id).encode("latin-1")
            for each in self._sessions:
                self._send(
                    each,
                    "deliver_sm",
                    next(self._sequence),
                    service_type="",
                    source_addr_ton=consts.SMPP_TON_INTL,
                    source_addr=pdu.destination_addr.decode(),
                    destination_addr=pdu.source_addr.decode(),
                    esm_class=DELIVERY_RECEIPT,
                    short_message=message,
                    sm_length=len(message),
                    **{name: id if value == "{id}" else value for name, value in parameters.items()},
                )

    def _send(self, session: socket.socket, command: str, sequence: int, **fields: Any) -> None:
        pdu = make_pdu(command, sequence=sequence, **fields)
        pdu.sequence = sequence
        with self._lock:
            session.sendall(pdu.generate())
