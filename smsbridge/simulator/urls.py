"""Everything under `/simulator/`: the page, what people do, Layer's server API, the vendors' doors."""

from django.urls import include, path

from smsbridge.simulator import fake_vendor, page, people, vonage_door

urlpatterns = [
    path("", page.page, name="simulator"),
    path("state", people.State.as_view(), name="simulator-state"),
    path("people", people.People.as_view()),
    path("conversations", people.Conversations.as_view()),
    path("send", people.Send.as_view()),
    path("read", people.Read.as_view()),
    path("delete", people.Delete.as_view()),
    path("text", people.TextFromPhone.as_view()),
    path("phones/<str:phone>", people.OnePhone.as_view()),
    path("faults", people.FaultPlan.as_view()),
    path("layer/", include("smsbridge.simulator.layer_urls")),
    path("fake/messages", fake_vendor.Messages.as_view()),
    path("fake/numbers", fake_vendor.Numbers.as_view()),
    path("fake/numbers/<str:number>", fake_vendor.OneNumber.as_view()),
    path("vonage/sms/json", vonage_door.SendSms.as_view()),
    path("vonage/account/numbers", vonage_door.OwnedNumbers.as_view()),
    path("vonage/number/update", vonage_door.UpdateNumber.as_view()),
]
