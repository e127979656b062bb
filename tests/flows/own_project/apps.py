from django.apps import AppConfig


class OwnProjectConfig(AppConfig):
    name = "tests.flows.own_project"
    label = "own_project"

    def ready(self) -> None:
        from tests.flows.own_project import receivers  # noqa: F401 (they connect themselves)
