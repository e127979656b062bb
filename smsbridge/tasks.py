"""What a ring does on the SMS side. A task carries no facts: it says "look"."""

from celery import shared_task

from notifier import stages
from smsbridge.services import costs, number_orders


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
def roll_up_costs() -> list[str]:
    """Add up anew what the texts of the last days cost; which days."""
    return [day.isoformat() for day in costs.roll_up_recent()]


@shared_task
def resolve_number_orders() -> int:
    """Find out what became of numbers that were perhaps bought or released; of how many that is known now."""
    return number_orders.resolve_all()


@shared_task
def reconcile_sms() -> int:
    """Ask vendors about texts that were perhaps sent."""
    return stages.run("reconcile")


@shared_task
def look_up_phones() -> int:
    """Ask vendors what kind of phones new ones are."""
    return stages.run("look_up")
