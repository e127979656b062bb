"""What PrivMX Bridge answers when it will not do a thing. As at the real one, that comes with HTTP status 200."""

from typing import Any

PARSE_ERROR = -32700
NO_METHOD = -32601
BAD_PARAMETERS = -32602
BAD_SIGNATURE = 8
NO_USER = 9
BAD_TOKEN = 21
BAD_TIMESTAMP = 40
BAD_NONCE = 41
ACCESS_DENIED = 48
NO_THREAD = 24577
NO_MESSAGE = 24589
NO_CONTEXT = 24854
NO_STORE = 24855
NO_FILE = 24856
NO_INBOX = 24862
NO_STREAM_ROOM = 24866
NO_KEY = 24875
BAD_CREDENTIALS = 24876
BAD_SCOPE = 24878
UNAUTHORIZED = 24879
SOCKET_ONLY = 24886
NO_KVDB = 24892
NO_ENTRY = 24893

MESSAGES = {
    PARSE_ERROR: "Parse error",
    NO_METHOD: "Method not found",
    BAD_PARAMETERS: "Invalid params",
    BAD_SIGNATURE: "Invalid signature",
    NO_USER: "User doesn't exist",
    BAD_TOKEN: "Invalid token",
    BAD_TIMESTAMP: "Invalid timestamp",
    BAD_NONCE: "Invalid nonce",
    ACCESS_DENIED: "Access denied",
    NO_THREAD: "Thread does not exist",
    NO_MESSAGE: "Thread message does not exist",
    NO_CONTEXT: "Context does not exist",
    NO_STORE: "Store does not exist",
    NO_FILE: "Store file does not exist",
    NO_INBOX: "Inbox does not exist",
    NO_STREAM_ROOM: "Stream room does not exist",
    NO_KEY: "Api key does not exist",
    BAD_CREDENTIALS: "Invalid credentials",
    BAD_SCOPE: "Insufficient scope",
    UNAUTHORIZED: "Unauthorized",
    SOCKET_ONLY: "Method is callable with websocket only",
    NO_KVDB: "Kvdb does not exist",
    NO_ENTRY: "Kvdb item does not exist",
}

#: not an error but a successful result, of any method, when a caller asks too often
TOO_MANY: dict[str, Any] = {"code": 429, "headers": {"Content-Type": "text/plain"}, "body": "Too many requests"}


class Wrong(Exception):
    """A call that is not done. `hint` is what the answer's `data` says."""

    def __init__(self, code: int, hint: str | None = None) -> None:
        super().__init__(MESSAGES[code])
        self.code, self.hint = code, hint

    @property
    def error(self) -> dict[str, Any]:
        return {"code": self.code, "message": MESSAGES[self.code], "data": self.hint}
