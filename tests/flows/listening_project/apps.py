from django.apps import AppConfig


class ListeningProjectConfig(AppConfig):
    """A program that knows the tests' own platform, which is heard over a connection."""

    name = "tests.flows.listening_project"

    def ready(self) -> None:
        from tests.notifier.socket_platform import register

        register()
