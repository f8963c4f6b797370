"""What redaction costs: 512 KiB of escapes, and the input of one callback."""

from __future__ import annotations

import json
from functools import partial
from time import process_time
from timeit import repeat as timeit_repeat

from delivrd import Request
from delivrd.blots import Blotter

# What other processes take is none of it.
repeat = partial(timeit_repeat, timer=process_time)

SECRET = "AbCdEf0123456789xyZ/"
FILLS = ("%2525 ", "%41", "%", "\\\\\\", "\\u005c", '\\"', "&amp;amp;", "&lt;", "&", "%26\\u0025amp;", "a")

HEADERS = {
    "Host": "gateway.example",
    "User-Agent": "Apache-HttpClient/4.5",
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "Content-Type": "application/json",
    "Content-Length": "104",
    "Via": "1.1 proxy",
    "X-Forwarded-For": "192.0.2.7",
    "X-Forwarded-Proto": "https",
    "X-Request-Id": "5f2b9c1e-7d3a-4f60-a111-222233334444",
    "X-Signature": "sha256=0f",
}
QUERY = "sms_unique_id=5f2b9c1e7d3a4f60&stat=DELIVRD&err=000&done_date=2024-05-01%2012%3A30%3A05&recipient=15555550123"
BODY = json.dumps({"id": "5f2b9c1e7d3a4f60", "status": "DELIVRD", "to": "15555550123", "at": "2024-05-01T12:30:05Z"})


def main() -> None:
    redactor = Blotter([SECRET])
    print("512 KiB of         ms")
    for fill in FILLS:
        data = (fill * (524_288 // len(fill) + 1))[:524_288].encode()
        taken = min(repeat(lambda data=data: redactor.data(data), number=1, repeat=9))
        print(f"{fill!r:18} {taken * 1e3:5.1f}")
    print("\none input          \u00b5s")
    requests = {
        "GET": Request("GET", f"/dlr/main?{QUERY}", HEADERS),
        "GET with secret": Request("GET", f"/dlr/main?{QUERY}&secret=AbCdEf0123456789xyZ%2F", HEADERS),
        "POST": Request("POST", "/dlr/main", HEADERS, BODY.encode()),
    }
    for name, request in requests.items():
        taken = min(repeat(lambda request=request: redactor.input(request), number=500, repeat=20)) / 500
        print(f"{name:18} {taken * 1e6:5.1f}")


if __name__ == "__main__":
    main()
