"""Settings, all from the environment. `.env.example` lists the variables; `setup` writes them into the database.

A wrong value stops the start with a sentence that names the variable and the remedy (see `config.env`).
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.schedules import crontab

from config import connections, env, platforms, sentry, vendors

BASE_DIR = Path(__file__).resolve().parent.parent

# Variables of the environment win over those of the file. ENV_FILE= (empty) reads none, as the tests do.
env_file = os.environ.get("ENV_FILE", str(BASE_DIR / ".env"))
if env_file:
    env.environment.read_env(env_file)

# Who and where we are

DEBUG = env.switch("DEBUG", False)
if DEBUG:
    SECRET_KEY = env.text("SECRET_KEY", "insecure-and-only-for-trying-things-out-on-one-machine")
    ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    PUBLIC_URL = env.base_url("PUBLIC_URL", "http://localhost:8000")
else:
    SECRET_KEY = env.required("SECRET_KEY", "set it to at least 50 random characters, or DEBUG=on to try things out")
    ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS", [])
    if not ALLOWED_HOSTS:
        raise env.refuse("ALLOWED_HOSTS", "is not set: name the hosts of this service, separated by commas")
    env.required("PUBLIC_URL", "set it to the address that platforms and vendors call, like https://sms.example.com")
    PUBLIC_URL = env.base_url("PUBLIC_URL")
SECRET_KEY_FALLBACKS = env.listed("SECRET_KEY_FALLBACKS")  # former keys: sessions and encrypted fields stay readable
# Salts of the encrypted fields, newest first. The secrecy is SECRET_KEY's; these only set this use of it apart.
SALT_KEY = env.listed("SALT_KEY", ["smsbridge.encrypted-fields"])

SIMULATOR = env.switch("SIMULATOR", False)

# Applications

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # without the site of its own: ours is in notifier.entrance
    "unfold.contrib.filters",
    "notifier.entrance.apps.AdminConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_static",
    "notifier",
    "notifier.entrance",
    "smsbridge",
    *(["smsbridge.simulator"] if SIMULATOR else []),
    *env.listed("EXTRA_APPS"),  # of a project's own, with receivers and functions (docs/hooks.md)
]

# Only for people's pages: calls to /webhooks/ pass by all of these (config/wsgi.py).
MIDDLEWARE = [
    "notifier.entrance.headers.headers",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = None if DEBUG else BASE_DIR / "staticfiles"  # filled by collectstatic; served from the packages in DEBUG
STATICFILES = "django.contrib.staticfiles.storage.StaticFilesStorage"
COMPRESSED = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATICFILES if DEBUG else COMPRESSED},
}
WHITENOISE_USE_FINDERS = DEBUG

# Database, cache, broker

WORKER = os.environ.get("PROCESS_ROLE") == "worker"  # decided in config/celery.py
DATABASES = connections.databases(BASE_DIR, worker=WORKER)
REDIS_URL = connections.redis_url()
REDIS_KEY_PREFIX = env.text("REDIS_KEY_PREFIX", "smsbridge")  # lets several installations share one Redis
CACHES = connections.caches(REDIS_URL, REDIS_KEY_PREFIX)

# The chat side

CHAT_PLATFORM = env.text("CHAT_PLATFORM", "layer")
PLATFORM_VARIABLES = platforms.variables()
globals().update(PLATFORM_VARIABLES)
NOTIFY_DELAY = env.duration("NOTIFY_DELAY", "10 minutes")
REPORT_FOR_STATUS = env.choices("REPORT_FOR_STATUS", ["sent", "delivered"], ["sent", "delivered", "read"])
IDENTITY_CACHE = env.duration("IDENTITY_CACHE", "5 minutes", zero=True)


# The SMS side

NUMBER_EXPIRATION_TIME = env.duration("NUMBER_EXPIRATION_TIME", "1 week")
SMS_TEMPLATE = env.text("SMS_TEMPLATE", "<%= sender.name %>: <%= text %>")
SMS_INTRODUCTION = env.text("SMS_INTRODUCTION")
SMS_DIGEST = env.switch("SMS_DIGEST", True)
SMS_BEFORE_SENDING = env.text("SMS_BEFORE_SENDING")  # dotted paths of a project's own functions: docs/own-code.md
SMS_AFTER_RECEIVING = env.text("SMS_AFTER_RECEIVING")
SMS_COUNTRIES = env.text("SMS_COUNTRIES")  # ISO codes by comma, or *; without it, those of the pool's numbers
QUIET_HOURS = env.hours("QUIET_HOURS")
SMS_PHONE_CAP = env.limit("SMS_PHONE_CAP")
SMS_CONVERSATION_CAP = env.limit("SMS_CONVERSATION_CAP")
SMS_DAILY_BUDGET = env.limit("SMS_DAILY_BUDGET")
SMS_OVER_BUDGET = env.choice("SMS_OVER_BUDGET", "wait", ["wait", "stop"])
PARTS_WAIT = env.duration("PARTS_WAIT", "1 minute")
SMS_VENDOR = env.text("SMS_VENDOR", "fake")
SMS_NUMBERS = env.listed("SMS_NUMBERS")
LOOKUP_CACHE = env.duration("LOOKUP_CACHE", "90 days")  # how long what was looked up of a phone is believed
VENDOR_VARIABLES = vendors.variables()
globals().update(VENDOR_VARIABLES)

# The simulator speaks for whatever the two sides above are told to talk to

SIMULATOR_RETRY_UNIT = env.duration("SIMULATOR_RETRY_UNIT", "1 second")
SIMULATOR_APP_ID = PLATFORM_VARIABLES["LAYER_APP_ID"]
SIMULATOR_TOKEN = PLATFORM_VARIABLES["LAYER_BEARER_TOKEN"]
SIMULATOR_FAKE_TOKEN = VENDOR_VARIABLES["FAKE_TOKEN"]
SIMULATOR_FAKE_SIGNING_SECRET = VENDOR_VARIABLES["FAKE_SIGNING_SECRET"]
SIMULATOR_FAKE_INBOUND_URL = f"{PUBLIC_URL}/webhooks/sms/fake/inbound/"
SIMULATOR_BANDWIDTH_URL = f"{PUBLIC_URL}/webhooks/sms/bandwidth"
SIMULATOR_BANDWIDTH_APPLICATION_ID = VENDOR_VARIABLES["BANDWIDTH_APPLICATION_ID"]
SIMULATOR_BANDWIDTH_CALLBACK_USER = VENDOR_VARIABLES["BANDWIDTH_CALLBACK_USER"]
SIMULATOR_BANDWIDTH_CALLBACK_PASSWORD = VENDOR_VARIABLES["BANDWIDTH_CALLBACK_PASSWORD"]
SIMULATOR_SMSAPI_INBOUND_URL = vendors.smsapi_inbound_url(PUBLIC_URL, VENDOR_VARIABLES["SMSAPI_CALLBACK_SECRET"])
SIMULATOR_TWILIO_ACCOUNT_SID = VENDOR_VARIABLES["TWILIO_ACCOUNT_SID"]
SIMULATOR_TWILIO_AUTH_TOKEN = VENDOR_VARIABLES["TWILIO_AUTH_TOKEN"]
SIMULATOR_VONAGE_SIGNATURE_SECRET = VENDOR_VARIABLES["VONAGE_SIGNATURE_SECRET"]
SIMULATOR_VONAGE_API_KEY = VENDOR_VARIABLES["VONAGE_API_KEY"]
SIMULATOR_VONAGE_APPLICATION_ID = VENDOR_VARIABLES["VONAGE_APPLICATION_ID"]
SIMULATOR_VONAGE_MESSAGES_INBOUND_URL = f"{PUBLIC_URL}/webhooks/sms/vonage-messages/inbound/"

# Time limits

CLAIM_SECONDS = env.seconds("CLAIM_SECONDS", 15)
SENDING_SECONDS = env.seconds("SENDING_SECONDS", 60)
SWEEP_SECONDS = env.seconds("SWEEP_SECONDS", 5)
HTTP_TIMEOUT_SECONDS = env.seconds("HTTP_TIMEOUT_SECONDS", 10)
OVERDUE_SECONDS = env.seconds("OVERDUE_SECONDS", 120)  # far above any sweep and claim
WORKER_SILENT_SECONDS = env.seconds("WORKER_SILENT_SECONDS", 60)
if SENDING_SECONDS <= HTTP_TIMEOUT_SECONDS:
    raise env.refuse("SENDING_SECONDS", "must be above HTTP_TIMEOUT_SECONDS: a send in time would count as lost")

# Watching (docs/watching.md)

METRICS_TOKEN = env.text("METRICS_TOKEN")  # without one, /metrics answers only in DEBUG

# How long words and rows are kept (docs/privacy.md)

KEEP_TEXTS = env.duration("KEEP_TEXTS", "30 days", zero=True)
KEEP_ROWS = env.duration("KEEP_ROWS", "180 days", zero=True)
if KEEP_TEXTS and timedelta(days=2) > KEEP_TEXTS:
    raise env.refuse("KEEP_TEXTS", "must be at least 2 days, or 0 to keep texts for ever")
if KEEP_ROWS and not timedelta(0) < KEEP_TEXTS <= KEEP_ROWS:
    raise env.refuse("KEEP_ROWS", "must be at least as long as KEEP_TEXTS, or 0 to keep rows for ever")

# Batches and threads, measured (docs/benchmarks.md)

DRAIN_BATCH = env.whole("DRAIN_BATCH", 500)
DRAIN_PAUSE_MS = env.whole("DRAIN_PAUSE_MS", 50, least=0)
CHECK_BATCH = env.whole("CHECK_BATCH", 500)
CHECK_PAUSE_MS = env.whole("CHECK_PAUSE_MS", 20, least=0)
COMPOSE_BATCH = env.whole("COMPOSE_BATCH", 250)
COMPOSE_PAUSE_MS = env.whole("COMPOSE_PAUSE_MS", 20, least=0)
SEND_WINDOW = env.whole("SEND_WINDOW", 64)
CONNECTIONS_PER_STAGE = env.whole("CONNECTIONS_PER_STAGE", 128)
REPLY_BATCH = env.whole("REPLY_BATCH", 250)
RING_GAP_MS = env.whole("RING_GAP_MS", 100, least=0)
LINGER_MS = env.whole("LINGER_MS", 300, least=0)

# Celery: the broker is a doorbell. Truth and time are in the database, so a message lost, late or doubled is harmless.

BROKER: dict[str, Any] = connections.broker(REDIS_URL, REDIS_KEY_PREFIX, BASE_DIR, worker=WORKER)
CELERY_BROKER_URL = BROKER["CELERY_BROKER_URL"]
CELERY_BROKER_TRANSPORT_OPTIONS = BROKER.get("CELERY_BROKER_TRANSPORT_OPTIONS", {})
CELERY_BROKER_USE_SSL = BROKER.get("CELERY_BROKER_USE_SSL")
CELERY_BROKER_CONNECTION_TIMEOUT = 5 if WORKER else 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # Celery's own 100 would leave a worker dead after a long outage
CELERY_BROKER_POOL_LIMIT = 4  # small Redis plans allow 20 connections
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]  # never pickle: access to Redis must not mean running code here
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONSUMER = "notifier.consumer:Consumer"  # looks for a broker that is away every few seconds
CELERY_WORKER_CONCURRENCY = env.whole("WORKER_THREADS", 10)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False  # a send cut in the middle is an uncertain row
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TIMEZONE = "UTC"
# The schedule is all here, so beat needs no file to remember it; `expires`, so that sweeps do not pile up in an outage.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "notifier.tasks.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": max(SWEEP_SECONDS, 1)},
    },
    # Many platforms restart every process once a day: a fixed hour is met all the same.
    "forget_old": {"task": "notifier.tasks.forget_old", "schedule": crontab(hour="3", minute="17")},
    "resolve_number_orders": {
        "task": "smsbridge.tasks.resolve_number_orders",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300},
    },
    "roll_up_costs": {
        "task": "smsbridge.tasks.roll_up_costs",
        "schedule": crontab(minute="27"),
        "options": {"expires": 3600},
    },
}

# Security

HTTPS = PUBLIC_URL.startswith("https://")
PROXY_SSL_HEADER = env.text("PROXY_SSL_HEADER")  # such as X-Forwarded-Proto, only behind a proxy that always sets it
if PROXY_SSL_HEADER:
    SECURE_PROXY_SSL_HEADER = ("HTTP_" + PROXY_SSL_HEADER.upper().replace("-", "_"), "https")
SECURE_SSL_REDIRECT = env.switch("SSL_REDIRECT", HTTPS and not DEBUG)
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS and not DEBUG else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = bool(SECURE_HSTS_SECONDS)
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # browsers' HSTS preload lists are for the owner of the whole domain
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"  # not Strict: links from alerts must find the operator logged in
SESSION_COOKIE_AGE = 12 * 3600
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # The admin's Alpine.js evaluates the expressions of its attributes; scripts still come from here only.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
ADMIN_PATH = env.path("ADMIN_PATH", "admin/")
LOGIN_URL, LOGIN_REDIRECT_URL = "admin:login", "admin:index"
ADMIN_SECOND_FACTOR = env.switch("ADMIN_SECOND_FACTOR", not DEBUG)
# How many proxies of ours append to X-Forwarded-For. Where people come by https, one has unwrapped it.
TRUSTED_PROXIES = env.whole("TRUSTED_PROXIES", 1 if HTTPS else 0, least=0)
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_VERBOSE = False
AXES_HANDLER = "notifier.entrance.lockout.Handler"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(hours=1)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else somebody could keep an operator out for ever
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "notifier.entrance.lockout.page"
AXES_CLIENT_IP_CALLABLE = "notifier.entrance.client.address"
AXES_USERNAME_CALLABLE = "notifier.entrance.lockout.recorded_name"
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "present", "csrfmiddlewaretoken"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# Logs go to the output; phone numbers and texts never get there, as no code passes them to a logger, and tracebacks
# are written without the words of their exceptions

LOG_FORMAT = env.choice("LOG_FORMAT", "plain" if DEBUG else "json", ["plain", "json"])
LOG_LEVEL = env.choice("LOG_LEVEL", "info", ["debug", "info", "warning", "error"]).upper()
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,  # Celery's own loggers exist by now
    "formatters": {"plain": {"()": "notifier.logs.Plain"}, "json": {"()": "notifier.logs.Json"}},
    "filters": {"unquoting": {"()": "notifier.logs.Unquoting"}, "linkless": {"()": "notifier.logs.Linkless"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT},
        "none": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # One line per call from outside would hold query strings, which hold texts and phones of vendors that use GET.
    "loggers": {
        "django.server": {"handlers": ["none"], "propagate": False},
        "django": {"level": LOG_LEVEL},
        "django.request": {"filters": ["linkless"]},
        "django.db.backends": {"level": "INFO"},  # below that it writes every statement with its values
        "urllib3": {"level": "INFO"},  # below that it writes every path it calls
        "celery": {"level": LOG_LEVEL},
        # Two lines for every ring say nothing that the trail does not: for whoever looks for a fault.
        "celery.worker.strategy": {"level": "INFO" if LOG_LEVEL == "DEBUG" else "WARNING"},
        "celery.app.trace": {"level": "INFO" if LOG_LEVEL == "DEBUG" else "WARNING", "filters": ["unquoting"]},
        "celery.pool": {"level": "WARNING"},
    },
}

SENTRY_DSN = env.text("SENTRY_DSN")
sentry.start(SENTRY_DSN, environment=env.text("SENTRY_ENVIRONMENT", "production"), worker=WORKER)

UNFOLD = {
    "SITE_TITLE": "SMS Bridge",
    "SITE_HEADER": "SMS Bridge",
    "SITE_SYMBOL": "sms",
    "SHOW_HISTORY": True,
    "ACCOUNT": {"navigation": "notifier.entrance.pages.account_links"},
    "SHOW_VIEW_ON_SITE": SIMULATOR,
    "SIDEBAR": {"navigation": "smsbridge.admin.navigation.sidebar"},
}
