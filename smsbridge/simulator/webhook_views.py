"""Layer's endpoints for managing webhooks."""

from django.http import HttpRequest, HttpResponse

from smsbridge.simulator import render, webhooks
from smsbridge.simulator.api import WebhookView
from smsbridge.simulator.models import Webhook
from smsbridge.simulator.wire import answer, dedupe_key, no_content, path_id, read_object


class Webhooks(WebhookView):
    def get(self, request: HttpRequest) -> HttpResponse:
        return answer([render.webhook(row) for row in Webhook.objects.order_by("id")])

    def post(self, request: HttpRequest) -> HttpResponse:
        webhook, new = webhooks.register(read_object(request), dedupe_key(request))
        return answer(render.webhook(webhook), 201 if new else 200)


class OneWebhook(WebhookView):
    def get(self, request: HttpRequest, webhook: str) -> HttpResponse:
        return answer(render.webhook(webhooks.get(path_id(webhook, "webhook"))))

    def delete(self, request: HttpRequest, webhook: str) -> HttpResponse:
        webhooks.delete(path_id(webhook, "webhook"))
        return no_content()


class Activate(WebhookView):
    def post(self, request: HttpRequest, webhook: str) -> HttpResponse:
        return answer(render.webhook(webhooks.activate(path_id(webhook, "webhook"))))


class Deactivate(WebhookView):
    def post(self, request: HttpRequest, webhook: str) -> HttpResponse:
        return answer(render.webhook(webhooks.deactivate(path_id(webhook, "webhook"))))
