"""Decisions about texts in the admin: a page that says what it means and what it may cost, and then the act."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.contrib.filters.admin import DropdownFilter

from notifier.admin_base import PlainAdmin, table, when, with_reason
from smsbridge.phones import mask

#: more than a form may carry, and than a person looks through
MOST = 500
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`act` takes primary keys, who decided, and why; it returns the keys of those to which it applied."""

    action: str
    question: str
    meaning: Callable[[Sequence[Any]], list[str]]
    act: Callable[[list[Any], str, str], list[Any]]
    done: str
    states: Sequence[str]
    asks_why: bool = False
    command: str


def closing(
    *,
    what: str,
    meaning: Sequence[str],
    act: Callable[[list[Any], str, str], list[Any]],
    states: Sequence[str],
    command: str,
) -> Decision:
    """The decision to end rows as they are, which always asks why."""
    return Decision(
        action="close",
        question=f"Close these {what}?",
        meaning=lambda rows: list(meaning),
        act=act,
        done="Closed",
        states=states,
        asks_why=True,
        command=command,
    )


def decide(page: PlainAdmin[Any], request: HttpRequest, rows: QuerySet[Any], decision: Decision) -> HttpResponse | None:
    """The page that asks; once it was answered, the act, with an entry in the history of each row."""
    chosen = list(rows[: MOST + 1])
    if len(chosen) > MOST:
        words = f"At most {MOST} at once: select fewer, or use `manage.py {decision.command}`, which takes any number."
        messages.error(request, words)
        return None
    open_ = [row for row in chosen if row.state in decision.states]
    why = request.POST.get("why", "").strip()[:200]
    if open_ and not (request.POST.get("confirmed") and (why or not decision.asks_why)):
        return _question(page, request, open_, decision, why)
    done = set(decision.act([row.pk for row in open_], request.user.get_username(), why))
    words = f"{decision.done}: {why}" if why else f"{decision.done}."
    page.log_all(request, [row for row in open_ if row.pk in done], words)
    page.tell(request, len(done), decision.done, selected=len(chosen))
    return None


def _question(
    page: PlainAdmin[Any], request: HttpRequest, rows: Sequence[Any], decision: Decision, why: str
) -> HttpResponse:
    more = f" Only the first {_SHOWN} are shown." if len(rows) > _SHOWN else ""
    shown = [[str(row.pk), when(row.settled_at), _state(row), mask(row.phone)] for row in rows[:_SHOWN]]
    context = {
        **admin.site.each_context(request),
        "title": decision.question,
        "opts": page.opts,
        "question": f"{decision.question} Selected: {len(rows)}.{more}",
        "meaning": decision.meaning(rows),
        "shown": table(["Which", "Since", "State", "Phone"], shown),
        "ids": [row.pk for row in rows],
        "action": decision.action,
        "action_checkbox_name": ACTION_CHECKBOX_NAME,
        "asks_why": decision.asks_why,
        "why": why,
    }
    return TemplateResponse(request, "smsbridge/decision.html", context)


def _state(row: Any) -> Any:
    return with_reason(row.get_state_display(), row.reason)


class WantsDecision(DropdownFilter):
    """The rows that nothing will happen to any more unless somebody decides; `states` are theirs."""

    title = "needs a decision"
    parameter_name = "open"
    states: Sequence[str] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "needs a decision")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state__in=self.states) if self.value() == "yes" else queryset
