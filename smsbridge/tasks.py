"""What a ring does on the SMS side. A task carries no facts: it says "look"."""

from celery import shared_task

from notifier import stages


@shared_task
def compose_sms() -> int:
    """Turn due notices into texts."""
    return stages.run("compose")


@shared_task
def send_sms() -> int:
    """Hand ready texts to their vendors."""
    return stages.run("send")


@shared_task
def post_replies() -> int:
    """Post what people texted back into their conversations."""
    return stages.run("reply")


@shared_task
def reconcile_sms() -> int:
    """Ask vendors about texts that were perhaps sent."""
    return stages.run("reconcile")
