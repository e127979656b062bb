from django.urls import path

from notifier import views

urlpatterns = [
    path("webhooks/chat/<slug:slug>/", views.chat_webhook, name="chat-webhook"),
    path("webhooks/chat/<slug:slug>/<path:rest>", views.chat_webhook),
]
