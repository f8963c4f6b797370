"""A server that answers as Messente's legacy API is documented to: one id a call, credentials in the query."""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

USER: Final = "api-user"
PASSWORD: Final = "p&ss w0rd/+%"
DENIED: Final = "denied-user"

ANSWERS: Final = {
    "delivered": "OK DELIVERED\n",
    "sent": "OK SENT",
    "failed": "OK FAILED",
    "not-yet": "FAILED 102",
    "server": "FAILED 209",
    "unknown": "ERROR 107",
    "other-error": "ERROR 999",
    "other-text": "<html>OK DELIVERED</html>",
}
"""What is answered about each id."""


class Messente:
    """The server, what it was asked, and what it says at first about an id."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.mode = ""
        self.first: dict[str, list[str]] = {}
        self.app = Starlette(routes=[Route("/get_dlr_response", self.answer)])

    async def answer(self, request: Request) -> Response:
        query = request.query_params
        self.asked.append(query.get("sms_unique_id", ""))
        match self.mode:
            case "209":
                return PlainTextResponse("FAILED 209")
            case "500":
                return PlainTextResponse(f"failed: {request.url}", 500, {"X-Url": str(request.url)})
            case "redirect":
                return RedirectResponse(f"{request.url.path}/moved?{request.url.query}", 302)
            case "cookie":
                return PlainTextResponse(f"sorry {query}", 403, {"Set-Cookie": f"session={query['password']}"})
        if not all(query.get(name) for name in ("username", "password", "sms_unique_id")):
            return PlainTextResponse("ERROR 102")
        if query["username"] == DENIED:
            return PlainTextResponse("ERROR 103")
        if (query["username"], query["password"]) != (USER, PASSWORD):
            return PlainTextResponse("ERROR 101")
        before = self.first.get(query["sms_unique_id"])
        return PlainTextResponse(before.pop(0) if before else ANSWERS[query["sms_unique_id"]])
