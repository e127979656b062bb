"""A whole chat in one file, with SMS for whoever does not read it.

SECRET=whsec_... python tiny_chat.py http://127.0.0.1:8000/webhooks/chat/generic/ 9000
curl -d user=anna -d text='Tea at four?' http://127.0.0.1:9000/say       (and /read, when somebody has read everything)
"""

import base64
import hmac
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from urllib.request import Request, urlopen

KEY = base64.b64decode(os.environ["SECRET"].removeprefix("whsec_"))
PEOPLE = {"anna": {"name": "Anna"}, "ben": {"name": "Ben", "phone": os.environ.get("PHONE", "+12025550102")}}
messages: list[dict[str, Any]] = []
done: set[str] = set()  # ids of the calls that were obeyed: one may come twice


def signature(name: str, stamp: str, content: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(KEY, f"{name}.{stamp}.".encode() + content, "sha256")).decode()


def tell(event: str, **data: Any) -> None:
    body = json.dumps({"type": event, "data": {"conversation": {"id": "tea", "title": "Tea"}, **data}}).encode()
    name, stamp = f"evt_{time.time_ns()}", str(int(time.time()))
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature(name, stamp, body)}
    urlopen(Request(sys.argv[1], body, headers), timeout=10).close()  # a real chat repeats it until it is taken


def say(user: str, text: str) -> None:
    unread = [one for one in PEOPLE if one != user]
    messages.append({"id": f"m{time.time_ns()}", "sender": {"id": user}, "text": text, "unread_by": unread})
    tell("message.sent", message=messages[-1], recipients=unread)


def read(user: str) -> None:
    for message in messages:
        message["unread_by"] = [one for one in message["unread_by"] if one != user]
    if messages:
        tell("conversation.read", user={"id": user}, up_to={"id": messages[-1]["id"]})


class Chat(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        _, kind, name, *rest = (unquote(part) for part in f"{urlsplit(self.path).path}/".split("/"))
        if kind == "messages":  # for people
            return self.answer(200, messages)
        found = PEOPLE.get(name) if kind == "users" else {"messages": messages} if "unread" in rest else {}
        signed = self.is_from_the_bridge(f"GET {self.path}".encode())
        return self.answer(401) if not signed else self.answer(404) if found is None else self.answer(200, found)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path in ("/say", "/read"):  # for people
            form = {name: words[0] for name, words in parse_qs(body.decode()).items()}
            return self.answer(204, (say if self.path == "/say" else read)(**form))
        if not self.is_from_the_bridge(body):
            return self.answer(401)
        told, name = json.loads(body), self.headers["webhook-id"]
        if name not in done and not done.add(name):
            user, text = told["data"]["user"]["id"], told["data"].get("text")
            say(user, text) if told["type"] == "reply.received" else read(user)
        return self.answer(204)

    def is_from_the_bridge(self, content: bytes) -> bool:
        name, stamp = self.headers.get("webhook-id", ""), self.headers.get("webhook-timestamp", "0")
        right = hmac.compare_digest(signature(name, stamp, content), self.headers.get("webhook-signature", ""))
        return right and abs(time.time() - int(stamp)) < 300

    def answer(self, status: int, content: Any = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Chat).serve_forever()
