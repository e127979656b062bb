"""The chat platforms' variables: addresses and credentials, of which any address may be a local imitation's.

Part of the settings. A platform's other options are in the admin; `smsbridge.services.environment` says which setting
fills which.
"""

from typing import Any

from config import env


def variables() -> dict[str, Any]:
    """Each variable with its value: a list where several are meant. Raises ImproperlyConfigured for an unusable one."""
    return {
        "LAYER_APP_ID": env.text("LAYER_APP_ID"),
        "LAYER_BEARER_TOKEN": env.text("LAYER_BEARER_TOKEN"),
        "LAYER_WEBHOOK_SECRET": env.text("LAYER_WEBHOOK_SECRET"),  # several, by comma, while one is being changed
        "LAYER_API_URL": env.base_url("LAYER_API_URL", "https://api.layer.com"),
        "MATRIX_HOMESERVER_URL": env.base_url("MATRIX_HOMESERVER_URL"),
        "MATRIX_SERVER_NAME": env.text("MATRIX_SERVER_NAME"),
        "MATRIX_AS_TOKEN": env.text("MATRIX_AS_TOKEN"),
        "MATRIX_HS_TOKEN": env.text("MATRIX_HS_TOKEN"),  # several, by comma, while one is being changed
        "PRIVMX_API_URL": env.base_url("PRIVMX_API_URL"),
        "PRIVMX_API_KEY_ID": env.text("PRIVMX_API_KEY_ID"),
        "PRIVMX_API_KEY_SECRET": env.text("PRIVMX_API_KEY_SECRET"),
        "PRIVMX_CHANNELS": env.text("PRIVMX_CHANNELS"),
        "PRIVMX_CONTEXTS": env.listed("PRIVMX_CONTEXTS"),
        "PRIVMX_NOTIFY_PHONES": env.listed("PRIVMX_NOTIFY_PHONES"),
        "GENERIC_WEBHOOK_SECRET": env.text("GENERIC_WEBHOOK_SECRET"),
        "GENERIC_API_URL": env.base_url("GENERIC_API_URL"),
    }
