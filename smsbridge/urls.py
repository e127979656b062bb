from django.urls import path

from smsbridge import media_views, views

urlpatterns = [
    path("webhooks/sms/<slug:slug>/inbound/", views.inbound_webhook, name="sms-inbound"),
    path("webhooks/sms/<slug:slug>/status/", views.status_webhook, name="sms-status"),
    path("media/<str:token>/", media_views.inbound_media, name="inbound-media"),
]
