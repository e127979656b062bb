"""Everything under `/simulator/twilio/`, which stands in for all of Twilio's hosts."""

from django.urls import include, path

from smsbridge.simulator import twilio_door, twilio_shop

_account = [
    path("Messages.json", twilio_door.Messages.as_view()),
    path("IncomingPhoneNumbers.json", twilio_shop.Numbers.as_view()),
    path("IncomingPhoneNumbers/<str:sid>.json", twilio_shop.OneNumber.as_view()),
    path("AvailablePhoneNumbers/<str:country>/<str:kind>.json", twilio_shop.Offers.as_view()),
]

urlpatterns = [
    path("2010-04-01/Accounts/<str:account>.json", twilio_door.Account.as_view()),
    path("2010-04-01/Accounts/<str:account>/", include(_account)),
    path("v2/PhoneNumbers/<str:phone>", twilio_door.LookUp.as_view()),
    path("v1/Services", twilio_shop.Services.as_view()),
    path("v1/Services/<str:service>", twilio_shop.OneService.as_view()),
    path("v1/Services/<str:service>/PhoneNumbers", twilio_shop.ServiceNumbers.as_view()),
    path("v1/Services/<str:service>/PhoneNumbers/<str:sid>", twilio_shop.ServiceNumber.as_view()),
]
