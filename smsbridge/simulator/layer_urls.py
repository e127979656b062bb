"""Layer's server API. Ids in paths may be bare UUIDs or `layer:///` URIs; user ids any characters, percent-encoded."""

from typing import Any

from django.urls import URLPattern, re_path

from smsbridge.simulator import layer_views, user_views, webhook_views
from smsbridge.simulator.api import LayerView, NoSuchEndpoint

KINDS = {
    "c": r"(?P<conversation>(?:layer:/+conversations/)?[^/]+)",
    "m": r"(?P<message>(?:layer:/+messages/)?[^/]+)",
    "w": r"(?P<webhook>(?:layer:/+apps/[^/]+/webhooks/)?[^/]+)",
    "u": r"(?P<user>[\s\S]+?)",  # percent-encoded slashes are decoded before routing
}


def route(template: str, view: type[LayerView], **more: Any) -> URLPattern:
    pattern = template.format(**KINDS, other=r"(?P<blocked>[\s\S]+)")
    return re_path(rf"^apps/(?P<app>[^/]+)/{pattern}/?\Z", view.as_view(**more))


urlpatterns = [
    route("conversations", layer_views.Conversations),
    route("conversations/{c}", layer_views.OneConversation),
    route("conversations/{c}/messages", layer_views.Messages),
    route("conversations/{c}/messages/{m}", layer_views.OneMessage),
    route("announcements", layer_views.Announcements),
    route("webhooks", webhook_views.Webhooks),
    route("webhooks/{w}/activate", webhook_views.Activate),
    route("webhooks/{w}/deactivate", webhook_views.Deactivate),
    route("webhooks/{w}", webhook_views.OneWebhook),
    route("users/{u}/conversations", user_views.UserConversations),
    route("users/{u}/conversations/{c}/messages", user_views.UserMessages),
    route("users/{u}/conversations/{c}", user_views.OneUserConversation),
    route("users/{u}/messages/{m}/receipts", user_views.Receipts),
    route("users/{u}/messages/{m}", user_views.OneUserMessage),
    route("users/{u}/identity", user_views.IdentityView),
    route("users/{u}/blocks", user_views.Blocks),
    route("users/{u}/blocks/{other}", user_views.OneBlock),
    re_path(r"^apps/(?P<app>[^/]+)(?:/[\s\S]*)?\Z", NoSuchEndpoint.as_view()),
]
