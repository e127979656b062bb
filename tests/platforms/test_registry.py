import pytest

from notifier.platforms.base import Platform, PlatformConfig
from notifier.platforms.layer import LayerPlatform
from notifier.platforms.registry import PLATFORMS, UnknownPlatform, make_platform, platform_class


@pytest.mark.parametrize("key", PLATFORMS)
def test_it_finds_a_platform_under_each_key(key: str) -> None:
    found = platform_class(key)
    assert issubclass(found, Platform)
    assert found.key == key


def test_it_makes_a_platform_with_its_configuration() -> None:
    config = PlatformConfig(options={"app_id": "x"}, secrets={})
    made = make_platform("layer", config)
    assert isinstance(made, LayerPlatform)
    assert made.config is config


def test_it_names_the_known_keys_when_there_is_none_such() -> None:
    with pytest.raises(UnknownPlatform, match=r"no chat platform 'leyer': choose one of .*layer"):
        platform_class("leyer")
