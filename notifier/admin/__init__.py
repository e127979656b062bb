"""The chat side's admin pages, and those of the people who may use them."""

from notifier.admin import audit, chat_apps, events, facts, hooks, rules, users

__all__ = ["audit", "chat_apps", "events", "facts", "hooks", "rules", "users"]
