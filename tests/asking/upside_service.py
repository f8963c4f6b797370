"""Upside Wireless's SOAP service as documented, by spyne, which is no part of delivrd: SOAP 1.1 and 1.2.

Run as a program: it prints its port, serves until its standard input ends, and prints each call to standard
output as one line of JSON. Its inbox is the records of its argument, a list of objects in JSON.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, ClassVar
from wsgiref.simple_server import WSGIRequestHandler, make_server

from spyne import Application, Boolean, ComplexModel, Fault, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication

NAMESPACE = "http://upsidewireless.com/webservice/sms"
TOKEN, SIGNATURE = "tök&n <1>", 'sign;ature"2'
STATUSES = {"MTID1": "SENT", "MTID2": "DELIVRD"}
RECORDS: list[dict[str, Any]] = []


def tell(operation: str, **said: Any) -> None:
    print(json.dumps({"operation": operation, **said}), flush=True)


def check(token: str, signature: str) -> None:
    if (token, signature) != (TOKEN, SIGNATURE):
        raise Fault("Client.Authentication", f"Invalid token {token} or signature {signature}")


class InboxRecord(ComplexModel):
    __namespace__ = NAMESPACE
    _type_info: ClassVar[list[tuple[str, Any]]] = [
        ("isValid", Boolean),
        *((name, Unicode) for name in ("sender", "data", "name", "inboundnumber", "carriercode")),
        *((name, Unicode) for name in ("trackingid", "messageid", "utcTime")),
    ]


class Sms(ServiceBase):
    @rpc(Unicode, Unicode, _returns=InboxRecord)
    def GetTopMessageNoReset(ctx, token, signature):  # noqa: N802, N805 - as on the wire
        check(token, signature)
        unread = [record for record in RECORDS if not record.get("read")]
        tell("GetTopMessageNoReset", unread=len(unread))
        if not unread:
            return InboxRecord(isValid=False)
        return InboxRecord(isValid=True, **{name: text for name, text in unread[-1].items() if name != "read"})

    @rpc(Unicode, Unicode, Unicode, Boolean, _returns=Boolean)
    def SetMessageReadFlag(ctx, token, signature, messageId, flag):  # noqa: N802, N803, N805
        check(token, signature)
        found = [record for record in RECORDS if record["messageid"] == messageId]
        for record in found:
            record["read"] = flag
        tell("SetMessageReadFlag", id=messageId, flag=flag)
        return bool(found)

    @rpc(Unicode, Unicode, Unicode, _returns=Unicode)
    def GetDLR(ctx, token, signature, trackingId):  # noqa: N802, N803, N805
        check(token, signature)
        tell("GetDLR", id=trackingId)
        return STATUSES[trackingId]


def serve(version: type) -> WsgiApplication:
    # The schema is checked, so that an envelope that the service's own description does not allow is refused.
    return WsgiApplication(
        Application([Sms], tns=NAMESPACE, in_protocol=version(validator="lxml"), out_protocol=version())
    )


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    RECORDS.extend(json.loads(sys.argv[1]))
    soap11, soap12 = serve(Soap11), serve(Soap12)

    def app(environ: dict[str, Any], start: Any) -> Any:
        return (soap12 if "soap+xml" in environ.get("CONTENT_TYPE", "") else soap11)(environ, start)

    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        print(server.server_port, flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
