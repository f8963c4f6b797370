"""Receiving in a Django project; the extra `django` of this package.

The rule of this module: only what Django asks for; what is answered is told in `delivrd.receiving`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

try:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern, re_path
    from django.views.decorators.csrf import csrf_exempt
except ImportError as error:
    raise ImportError("delivrd.django needs Django: install delivrd[django]") from error

from delivrd.receiving.conduct import Clock, require_sync, utc_now
from delivrd.receiving.receiver import Handler, Receiver
from delivrd.wsgi import answer_environ


def urls(receiver: Receiver, handler: Handler, *, clock: Clock = utc_now) -> list[URLPattern]:
    """The patterns of a Django project that answer providers' requests: `urlpatterns = [*urls(…)]`.

    The body is read from the server, before Django parses a form or checks for its token.

    Args:
        receiver: with the accounts.
        handler: as `delivrd.wsgi.Application` takes it.
        clock: gives the time of arrival, aware.

    Raises:
        TypeError: the handler is none, or has to be awaited.
    """
    require_sync(handler)

    def answer(request: HttpRequest, rest: str) -> HttpResponse:
        environ: Mapping[str, Any] | None = getattr(request, "environ", None)
        read = request.read
        if environ is None:
            # Under ASGI, Django has the whole body before it calls a view.
            environ = {**request.META, "wsgi.input_terminated": True}
        elif not environ.get("CONTENT_LENGTH"):
            # Django's own reader gives nothing of a body without a length; the server's does.
            read = environ["wsgi.input"].read
        reply = answer_environ(receiver, handler, environ, f"{receiver.prefix}/{rest}", read, clock)
        response = HttpResponse(reply.body, status=reply.status)
        del response["Content-Type"]
        for name, value in reply.headers:
            response[name] = value
        return response

    # Django takes the first stroke of a path off before it compares.
    start = re.escape(f"{receiver.prefix}/".removeprefix("/"))
    return [re_path(f"^{start}(?P<rest>.*)$", csrf_exempt(answer))]
