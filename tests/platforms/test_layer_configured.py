"""What is said of a configuration that cannot work."""

import pytest

from notifier.platforms.base import PlatformConfig
from notifier.platforms.layer import LayerPlatform
from tests.platforms.layer_cases import APP, layer


@pytest.mark.parametrize(
    "options",
    [
        {"app_id": f"layer:///apps/staging/{APP}"},
        {"app_id": f" {APP}\n"},
        {"api_url": ""},
        {"api_url": "http://127.0.0.1:8000/simulator/layer"},
    ],
)
def test_it_accepts(options: dict[str, str]) -> None:
    assert layer(**options).configured() == []


def test_it_names_everything_that_is_missing_with_its_remedy() -> None:
    app_id, token = LayerPlatform(PlatformConfig(options={}, secrets={})).configured()
    assert app_id.startswith("app_id is missing: ")
    assert app_id.endswith("set LAYER_APP_ID.")
    assert token.startswith("bearer_token is missing: ")
    assert token.endswith("set LAYER_BEARER_TOKEN.")


@pytest.mark.parametrize("app_id", ["lunch", f"{APP}/x", "layer:///apps/staging/", f"{APP}0"])
def test_it_refuses_an_app_id_without_a_uuid(app_id: str) -> None:
    (problem,) = layer(app_id=app_id).configured()
    assert problem.startswith("app_id does not end in a UUID: ")


@pytest.mark.parametrize(
    "url",
    [
        "api.layer.com",
        "ftp://x",
        "https://",
        "http://[::1",
        "http://x:99999",
        "http://a b",
        "http://ü",
        "http://x\ny",
        "http://x/?a=b",
        "http://x/#a",
        "http://user:pass@x",
    ],
)
def test_it_refuses_an_api_url_that_is_no_base_url(url: str) -> None:
    (problem,) = layer(api_url=url).configured()
    assert problem.startswith("api_url ")
    assert "LAYER_API_URL" in problem
    assert "pass" not in problem


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "tökén"])
def test_it_refuses_a_token_that_would_break_the_header(token: str) -> None:
    (problem,) = layer(token=token).configured()
    assert problem.startswith("bearer_token holds ")
    assert token not in problem
