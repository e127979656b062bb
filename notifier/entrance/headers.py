"""What every page tells browsers and search engines, beside what Django and django-csp tell them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

HEADERS = {
    # Powers that no page here needs, so that no script gets them either.
    "Permissions-Policy": ", ".join(
        f"{power}=()"
        for power in (
            *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"),
            *("microphone", "midi", "payment", "usb", "browsing-topics"),
        )
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}


def headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware, before any that may answer by itself."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return middleware
