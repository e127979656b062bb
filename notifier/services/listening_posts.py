"""Listening for ever: a thread for each hook whose platform is heard over a connection of ours.

Of several processes one listens to a hook (`listeners`); the others stand by. What ends a connection is written down
in the hook's row of listeners, and it is made anew: at once after a change of the hook, else after a growing pause.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from django.db import DatabaseError, InterfaceError, connection

from notifier.counters import LISTENER_CONNECTIONS
from notifier.platforms.base import Can
from notifier.platforms.socket import BrokenError, RefusedError
from notifier.services import listeners
from notifier.services.hooks import LiveHook, forget_hooks, live_hooks
from notifier.services.listeners import Lease, LostError
from notifier.services.sockets import TICK_SECONDS, again, converse
from notifier.traces import trace

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
REFUSED_PAUSE = 60.0
STANDBY_SECONDS = 2.0
LOOK_SECONDS = 2.0
_GOODBYE_SECONDS = 2.0


def socket_hooks(slugs: Sequence[str] = ()) -> dict[int, LiveHook]:
    """Enabled hooks whose platform is heard over a connection, by primary key; only those named, if any are."""
    return {
        id_: hook
        for id_, hook in live_hooks().items()
        if hook.enabled and Can.SOCKET in hook.platform.can and (not slugs or hook.slug in slugs)
    }


def pause(attempt: int) -> float:
    """Seconds before connection `attempt` + 1: half to all of 1, 2, 4 ... 60, so that a crowd does not come at once."""
    return random.uniform(0.5, 1.0) * min(2.0 ** min(attempt, 16), LONGEST_PAUSE)  # noqa: S311 (no secret)


class Post:
    """Listens to one hook, in a thread of its own or, with `until_caught_up`, in the caller's."""

    def __init__(self, hook: LiveHook, holder: UUID, stopping: threading.Event) -> None:
        self.hook = hook
        self._stopping, self._lease = stopping, Lease(hook.id, holder)
        self._attempts, self._refusal, self._standing_by = 0, "", False
        self._caught_up = False
        self.thread = threading.Thread(target=self._listen_for_ever, name=f"listen {hook.slug}", daemon=True)

    def until_caught_up(self) -> bool:
        """Catch up once; False when somebody else listens. Raises what `converse` raises."""
        if not self._lease.take():
            return False
        try:
            converse(self.hook, self._lease, lambda caught_up: caught_up or self._stopping.is_set())
        except (BrokenError, RefusedError) as error:
            self._note(str(error))
            raise
        finally:
            self._lease.release()
        return True

    def release(self) -> None:
        """Let somebody else listen, whatever this one is still at."""
        self._lease.release()

    # In the thread

    def _listen_for_ever(self) -> None:
        while not self._over():
            seconds = self._listen_once()
            self._wait(seconds)
        with suppress(DatabaseError, InterfaceError):  # it runs out by itself
            self._lease.release()
        connection.close()

    def _over(self) -> bool:
        """Told to end, or the hook is gone; else the hook as it is now is taken."""
        if self._stopping.is_set():
            return True
        with suppress(DatabaseError, InterfaceError):  # it is met again below
            now = socket_hooks().get(self.hook.id)
            if now is None:
                return True
            self.hook = now
        return False

    def _listen_once(self) -> float:
        """One connection from its beginning to its end; how long to wait before the next, in seconds."""
        self._caught_up = False
        try:
            if not again(self._lease.take):
                return self._stand_by()
            self._standing_by = False
            LISTENER_CONNECTIONS.add(self.hook.slug)
            converse(self.hook, self._lease, self._enough)
        except RefusedError as error:
            return self._refused(str(error))
        except BrokenError as error:
            return self._broken(str(error))
        except LostError:
            log.warning("Another process listens to %s now, or the hook is gone.", self.hook.slug)
            forget_hooks()
            return STANDBY_SECONDS
        except (DatabaseError, InterfaceError) as error:
            return self._broken(f"The database failed ({type(error).__name__}).", note=False)
        except Exception as error:  # a fault of the adapter's must not end the listening
            log.error("Listening to %s tripped its adapter.\n%s", self.hook.slug, trace(error))
            return self._broken(f"The adapter failed: {type(error).__name__}.")
        log.info("Hung up on %s.", self.hook.slug)
        return 0.0

    def _enough(self, caught_up: bool) -> bool:
        if caught_up and not self._caught_up:
            self._attempts, self._refusal = 0, ""
        self._caught_up = caught_up
        return self._stopping.is_set() or self._changed()

    def _changed(self) -> bool:
        now = again(socket_hooks).get(self.hook.id)
        return now is None or facts(now) != facts(self.hook)

    def _stand_by(self) -> float:
        if not self._standing_by:
            log.info("Another process listens to %s; this one stands by.", self.hook.slug)
            self._standing_by = True
        return STANDBY_SECONDS

    def _broken(self, why: str, *, note: bool = True) -> float:
        self._attempts += 1
        seconds = pause(self._attempts - 1)
        log.warning("No connection for %s: %s Next try in %.1f s.", self.hook.slug, why, seconds)
        if note:
            self._note(why)
        else:
            connection.close()
        return seconds

    def _refused(self, why: str) -> float:
        if why != self._refusal:
            log.error("Listening to %s is refused: %s It is tried again every minute.", self.hook.slug, why)
        self._refusal = why
        self._note(why)
        return REFUSED_PAUSE

    def _note(self, why: str) -> None:
        try:
            again(lambda: self._lease.ended(why))
        except (LostError, DatabaseError, InterfaceError) as error:  # the log has it
            log.debug("The end of a connection could not be noted (%s).", type(error).__name__)

    def _wait(self, seconds: float) -> None:
        """Keeping the lease, unless somebody else has it; not longer than until the hook changes."""
        until, renew_at = time.monotonic() + seconds, time.monotonic() + listeners.RENEW_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._stopping.wait(min(left, TICK_SECONDS)):
            with suppress(LostError, DatabaseError, InterfaceError):
                if self._changed():
                    return
                if time.monotonic() >= renew_at:
                    renew_at += listeners.RENEW_SECONDS
                    self._lease.renew()


def facts(hook: LiveHook) -> tuple[Any, ...]:
    """What a connection depends on: a change of it wants a new one."""
    return hook.slug, hook.chat_app, hook.receipts, hook.secrets, type(hook.platform), hook.platform.config


class Posts:
    """All hooks that this process listens to. `slugs`: only these, else all that there are."""

    def __init__(self, slugs: Sequence[str] = ()) -> None:
        self.stopping = threading.Event()
        self._slugs, self._holder = slugs, uuid4()
        self._posts: dict[int, Post] = {}
        self._idle = self._blind = False

    def run(self) -> None:
        """Until `stopping` is set; then all connections are closed in good order."""
        while not self.stopping.is_set():
            try:
                self._look()
            except (DatabaseError, InterfaceError) as error:
                connection.close()
                if not self._blind:
                    log.warning("The hooks cannot be read (%s); it is tried again and again.", type(error).__name__)
                self._blind = True
            self.stopping.wait(LOOK_SECONDS)
        self._leave()

    def catch_up(self, failed: Callable[[LiveHook, str], None], done: Callable[[LiveHook, bool], None]) -> None:
        """Once for each hook. `done` is told whether it was caught up with, or somebody else listens."""
        for hook in socket_hooks(self._slugs).values():
            try:
                done(hook, Post(hook, self._holder, self.stopping).until_caught_up())
            except LostError:
                done(hook, False)
            except (BrokenError, RefusedError) as error:
                failed(hook, str(error))
            except (DatabaseError, InterfaceError):
                raise
            except Exception as error:  # a fault of one adapter's must not keep the others from catching up
                log.error("Listening to %s tripped its adapter.\n%s", hook.slug, trace(error))
                failed(hook, f"The adapter failed: {type(error).__name__}.")

    def _look(self) -> None:
        hooks = socket_hooks(self._slugs)
        self._blind = False
        for id_, hook in hooks.items():
            post = self._posts.get(id_)
            if post is None or not post.thread.is_alive():
                self._posts[id_] = Post(hook, self._holder, self.stopping)
                self._posts[id_].thread.start()
        if not hooks and not self._idle:
            log.info("There is no enabled hook to listen to over a connection: waiting until there is one.")
        self._idle = not hooks

    def _leave(self) -> None:
        deadline = time.monotonic() + _GOODBYE_SECONDS
        for post in self._posts.values():
            post.thread.join(max(deadline - time.monotonic(), 0.0))
        for post in self._posts.values():
            if post.thread.is_alive():  # it may still be connecting
                with suppress(DatabaseError, InterfaceError):
                    post.release()
