"""Replies: each once, where it belongs, by whom it is from, in his words."""

from collections import defaultdict

from tests.faults.history import History, Post, Reply
from tests.faults.verdict import Invariant, Verdict, percentile


def judge_replies(history: History, verdict: Verdict) -> None:
    """Invariant 5."""
    posts: dict[str, list[Post]] = defaultdict(list)
    for post in history.posts:
        posts[post.text].append(post)
    replies: dict[str, list[Reply]] = defaultdict(list)
    for reply in history.replies.values():
        replies[reply.text].append(reply)
    once, waits = 0, []
    for reply in history.replies.values():
        if len(replies[reply.text]) > 1:  # two people may answer a message in the same words
            mine = [post for post in posts[reply.text] if post.author == reply.user]
        else:
            mine = posts[reply.text]
        done = _judge(history, reply, mine, verdict)
        once += done is not None
        if done and reply.acked:
            waits.append(max(done.at - reply.acked, 0.0))
    for text in posts.keys() - replies.keys():
        if not any(forgery.subject == text for forgery in history.forgeries):  # those are another matter
            verdict.broken(Invariant.REPLY, f"something was posted that nobody wrote, or not so ({len(text)} letters)")
    _marks(history, verdict)
    verdict.figures |= {
        "replies": len(history.replies),
        "posted once": once,
        "posts that met a fault": sum(bool(post.fault) for post in history.posts),
        "faults of the platform in all": sum(history.platform_faults.values()),
        "reply to post p50, s": percentile(waits, 0.5),
        "reply to post p99, s": percentile(waits, 0.99),
    }


def _judge(history: History, reply: Reply, posts: list[Post], verdict: Verdict) -> Post | None:
    """The one message that became of it, None if there is not exactly one."""
    name = f"reply {reply.id}"
    accepted = [post for post in posts if post.accepted]
    if len({post.key for post in posts}) > 1:
        verdict.broken(Invariant.REPLY, f"{name} was posted under {len({post.key for post in posts})} keys")
    if any(not post.key for post in posts):
        verdict.broken(Invariant.REPLY, f"{name} was posted without a key")
    for post in posts:
        if post.conversation != reply.conversation:
            verdict.broken(Invariant.REPLY, f"{name} was posted in a conversation that it does not belong to")
        if post.author != reply.user:
            verdict.broken(Invariant.REPLY, f"{name} of {reply.user} was posted as {post.author}")
    if len(accepted) > 1:
        verdict.broken(Invariant.REPLY, f"{name} was posted {len(accepted)} times")
    if not accepted and reply.acked is not None:
        row = next((row for row in history.rows.inbound if row.id == reply.id), None)
        state = f"{row.state}: {row.reason}" if row else "not stored"
        verdict.broken(Invariant.REPLY, f"{name} was acknowledged, and not posted ({state})")
    return accepted[0] if len(accepted) == 1 else None


def _marks(history: History, verdict: Verdict) -> None:
    """Whoever answers has read what he was told, and nobody else has."""
    keys = {message.key: message for message in history.messages.values()}
    answering = {(reply.user, reply.conversation) for reply in history.replies.values()}
    for mark in history.marks:
        message = keys.get(mark.message)
        known = message is not None and mark.user in message.recipients
        if message is None or not known or (mark.user, message.conversation) not in answering:
            verdict.broken(Invariant.REPLY, f"a message was marked read for {mark.user}, who did not answer it")
