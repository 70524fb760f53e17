"""All settings, in sections; every value that differs between machines comes through env.py."""
# Long: Django wants one table of settings, and people read it as one.

from pathlib import Path
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from h5 import files
from kit.http import service_keys
from kit.plumbing import brokers, env, redis_urls

VERSION = "1.0.0"  # of the product, and nowhere else but in CHANGELOG.md
BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where we run -------------------------------------------------------------------------------
REDPACKET_ENV = env.word("REDPACKET_ENV", "development", ("development", "production"))
PRODUCTION = REDPACKET_ENV == "production"
# What a web process answers: all, or the app's API alone, or the back office alone (urls.py).
REDPACKET_SERVES = env.word("REDPACKET_SERVES", "all", ("all", "app", "office"))
DATA_DIR = env.path("REDPACKET_DATA_DIR", BASE_DIR / "var")
KEYS_DIR = DATA_DIR / "keys"
SEATS_DIR = DATA_DIR / "seats"  # files whose locks the web processes of a machine share
DEBUG = env.switch("REDPACKET_DEBUG", False)
SECRET_KEY = env.secret("REDPACKET_SECRET_KEY", KEYS_DIR / "secret_key", production=PRODUCTION)
ALLOWED_HOSTS = env.names(
    "REDPACKET_ALLOWED_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1],testserver"
)
CSRF_TRUSTED_ORIGINS = env.names("REDPACKET_CSRF_TRUSTED_ORIGINS", "")

# --- Red packets (Spec 1.2) ---------------------------------------------------------------------
REDPACKET_SHARES_MAX = env.integer("REDPACKET_SHARES_MAX", 100, 1, 1000)
REDPACKET_SHARE_MAX = env.amount("REDPACKET_SHARE_MAX", "200.00", "0.01", "10000.00")
REDPACKET_SHARE_MIN = env.amount("REDPACKET_SHARE_MIN", "0.01", "0.01", "200.00")
REDPACKET_EXPIRE_S = env.integer("REDPACKET_EXPIRE_S", 86_400, 1, 30 * 86_400)
REDPACKET_DRAFT_S = env.integer("REDPACKET_DRAFT_S", 86_400, 1, 30 * 86_400)
# What one user may have lying unpaid, and how long a closed draft is kept.
REDPACKET_DRAFTS_MAX = env.integer("REDPACKET_DRAFTS_MAX", 50, 1, 100_000)
REDPACKET_DRAFTS_KEPT_DAYS = env.integer("REDPACKET_DRAFTS_KEPT_DAYS", 7, 2, 3650)
# Empty: the synced table answers.
REDPACKET_MEMBERS_URL = env.url("REDPACKET_MEMBERS_URL", "", ("http", "https"))
# --- Payments (Spec 1.7, 2.6) -------------------------------------------------------------------
REDPACKET_PAY_S = env.integer("REDPACKET_PAY_S", 900, 1, 7 * 86_400)
REDPACKET_CHASE_S = env.integer("REDPACKET_CHASE_S", 30, 1, 86_400)
REDPACKET_VOID_S = env.integer("REDPACKET_VOID_S", 1800, 1, 7 * 86_400)
REDPACKET_AWAITING_MAX = env.amount("REDPACKET_AWAITING_MAX", "2000.00", "0.00", "10000000.00")
REDPACKET_AWAITING_NUMBER = env.integer("REDPACKET_AWAITING_NUMBER", 20, 0, 100_000)
# Whose reports were never paid so often within so long is not believed any more.
REDPACKET_VOIDED_MAX = env.integer("REDPACKET_VOIDED_MAX", 10, 1, 100_000)
REDPACKET_VOIDED_S = env.integer("REDPACKET_VOIDED_S", 7 * 86_400, 1, 365 * 86_400)
REDPACKET_ORDERS_MAX = env.integer("REDPACKET_ORDERS_MAX", 50, 1, 100_000)
REDPACKET_TOPUP_MIN = env.amount("REDPACKET_TOPUP_MIN", "0.01", "0.01", "1000000.00")
REDPACKET_TOPUP_MAX = env.amount("REDPACKET_TOPUP_MAX", "5000.00", "0.01", "1000000.00")
# The most that one person may propose, and another one approve, by hand.
REDPACKET_MAKER_MAX = env.amount("REDPACKET_MAKER_MAX", "5000.00", "0.01", "1000000000.00")
REDPACKET_CHECKER_MAX = env.amount("REDPACKET_CHECKER_MAX", "5000.00", "0.01", "1000000000.00")
# Where the channels reach us; notifications go to {this}/api/v1/payments/notify/...
REDPACKET_PUBLIC_URL = env.text(
    "REDPACKET_PUBLIC_URL", "" if PRODUCTION else f"http://127.0.0.1:{env.text('PORT', '8000')}"
).rstrip("/")
# Where a payer comes back to after paying on a channel's page; the order's number is put behind it.
REDPACKET_RETURN_URL = env.text("REDPACKET_RETURN_URL", f"{REDPACKET_PUBLIC_URL}/h5/back")
if set("?#") & set(REDPACKET_RETURN_URL):
    raise ImproperlyConfigured("REDPACKET_RETURN_URL must end with a path: the order goes there.")
# The header in which a trusted proxy names the payer's address: X-Real-IP. None: no proxy.
REDPACKET_PROXY_IP_HEADER = env.header("REDPACKET_PROXY_IP_HEADER")
REDPACKET_CHANNELS_FILE = env.path("REDPACKET_CHANNELS_FILE", KEYS_DIR / "channels.json")
# A day of the sandbox's notification schedule in this many times less (docs/sandbox.md).
REDPACKET_SANDBOX_SPEED = env.integer("REDPACKET_SANDBOX_SPEED", 300, 1, 86_400)
# Secrets that need not lie in files; a private key is PEM, its line ends may be written as \n.
REDPACKET_CHANNEL_SECRETS = {
    name: env.text(name)
    for name in (
        "REDPACKET_ALIPAY_APP_PRIVATE_KEY",
        "REDPACKET_WECHAT_APIV3_KEY",
        "REDPACKET_WECHAT_MERCHANT_PRIVATE_KEY",
        "REDPACKET_UNIONPAY_PFX_PASSWORD",
    )
}
# Days for which notices are kept as they came, and for which those of strangers are kept at all.
REDPACKET_NOTICES_KEPT_DAYS = env.integer("REDPACKET_NOTICES_KEPT_DAYS", 180, 7, 3650)
REDPACKET_FORGED_KEPT_DAYS = env.integer("REDPACKET_FORGED_KEPT_DAYS", 7, 1, 3650)
EVENTS_KEPT_DAYS = env.integer("REDPACKET_EVENTS_KEPT_DAYS", 7, 7, 3650)

# --- Pages in a chat app (h5/) -------------------------------------------------------------------
# Who may frame them and talk to them, and whose pictures of people they show.
_SCHEMES = ("https",) if PRODUCTION else ("https", "http")
REDPACKET_H5_ORIGINS = env.origins("REDPACKET_H5_ORIGINS", _SCHEMES)
REDPACKET_AVATAR_ORIGINS = env.origins("REDPACKET_AVATAR_ORIGINS", _SCHEMES)

# --- Callers (Spec 2.1) -------------------------------------------------------------------------
REDPACKET_JWT_KEYS = env.text("REDPACKET_JWT_KEYS")
REDPACKET_JWT_ISS = env.text("REDPACKET_JWT_ISS")
REDPACKET_JWT_AUD = env.text("REDPACKET_JWT_AUD")
# A stolen token is somebody else's purse until it ends: what was made for longer is not accepted.
REDPACKET_TOKEN_LIFE_S = env.integer("REDPACKET_TOKEN_LIFE_S", 86_400, 60, 30 * 86_400)
# HS256 is for development; production verifies by the platform's public keys alone.
REDPACKET_JWT_SECRET = (
    ""
    if PRODUCTION
    else env.secret("REDPACKET_JWT_SECRET", KEYS_DIR / "jwt_secret", production=False)
)
# Keys with commas between them, each for all or, behind "members:" or "events:", for that alone.
REDPACKET_SERVICE_KEY = env.secret(
    "REDPACKET_SERVICE_KEY",
    KEYS_DIR / "service_key",
    production=PRODUCTION,
    parts=service_keys.secrets_of,
)
# Seals closed days (wallets/seals.py). Of several, with commas between them, the first; the others
# are those of days that were sealed before.
REDPACKET_SEAL_KEY = env.secret(
    "REDPACKET_SEAL_KEY", KEYS_DIR / "seal_key", production=PRODUCTION, parts=env.listed
)
# Where the chat server calls from. Empty: from anywhere.
REDPACKET_SERVICE_FROM = env.networks("REDPACKET_SERVICE_FROM")
# At most so many at once in a web process, which has eight threads; passwords on the whole machine
# (docs/decisions/0035).
REDPACKET_PASSWORDS_AT_ONCE = env.integer("REDPACKET_PASSWORDS_AT_ONCE", 1, 1, 100)
REDPACKET_CHANNEL_CALLS_AT_ONCE = env.integer("REDPACKET_CHANNEL_CALLS_AT_ONCE", 3, 1, 100)
REDPACKET_MEMBERS_CALLS_AT_ONCE = env.integer("REDPACKET_MEMBERS_CALLS_AT_ONCE", 2, 1, 100)
REDPACKET_FILES_AT_ONCE = env.integer("REDPACKET_FILES_AT_ONCE", 1, 1, 100)
# How long a request waits for a channel; workers, who have time, go by payments/channels/http.py.
REDPACKET_CHANNEL_WAIT_S = env.integer("REDPACKET_CHANNEL_WAIT_S", 5, 1, 8)
REDPACKET_THROTTLE = env.switch("REDPACKET_THROTTLE", True)
REDPACKET_STAFF_OTP = env.switch("REDPACKET_STAFF_OTP", True)
if PRODUCTION:
    for refused, why in (
        (DEBUG, "REDPACKET_DEBUG=on shows source code to strangers"),
        (env.text("REDPACKET_JWT_SECRET"), "REDPACKET_JWT_SECRET allows HS256 tokens"),
        (
            not Path(REDPACKET_JWT_KEYS).is_file(),
            "REDPACKET_JWT_KEYS names no file: nobody could log in",
        ),
        (not REDPACKET_THROTTLE, "REDPACKET_THROTTLE=off invites a flood"),
        (not REDPACKET_STAFF_OTP, "REDPACKET_STAFF_OTP=off leaves staff one password from money"),
        (not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS, "REDPACKET_ALLOWED_HOSTS must name the hosts"),
    ):
        if refused:
            raise ImproperlyConfigured(f"Refused in production: {why}.")

# --- Applications -------------------------------------------------------------------------------
INSTALLED_APPS = [
    "office.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "rest_framework",  # its own messages in Chinese
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "kit",
    "wallets",
    "payments",
    "packets",
    "h5",
    "office",
]
if not PRODUCTION:
    INSTALLED_APPS.append("sandbox")  # refuses to be there in production (apps.py)

# Gateway sends /api/v1/ past all that follows: the API needs no session, cookie or language.
MIDDLEWARE = [
    "kit.http.middleware.Gateway",
    "django.middleware.security.SecurityMiddleware",
    "kit.http.middleware.ContentSecurityPolicy",
    "kit.http.middleware.OwnCookies",
    "office.accounts.gate.PasswordGate",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "office.accounts.signin.StaffSession",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "redpacket_site.urls"
WSGI_APPLICATION = "redpacket_site.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Data ---------------------------------------------------------------------------------------
DATABASES = {
    "default": env.database(
        "REDPACKET_DATABASE_URL", f"sqlite:///{quote(str(DATA_DIR))}/db.sqlite3"
    )
}
# For lists of staff, exports and audit, while it is not further behind than so many seconds.
REDPACKET_REPLICA_LAG_S = env.integer("REDPACKET_REPLICA_LAG_S", 30, 15, 3600)
if env.text("REDPACKET_REPLICA_URL"):
    DATABASES["replica"] = env.replica("REDPACKET_REPLICA_URL", DATABASES["default"])
    DATABASE_ROUTERS = ["kit.plumbing.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis("REDPACKET_REDIS_URL")
REDIS_OPTIONS = {
    # A dead Redis must become the database path quickly: short waits, no retries.
    "socket_connect_timeout": 0.2,
    "socket_timeout": 0.5,
    "retry": None,
    "retry_on_timeout": False,
    "max_connections": 64,
}
CACHES = {
    "default": redis_urls.cache_of(REDIS_URL, REDIS_OPTIONS),
    # For what is no JSON and one process may remember for itself.
    "process": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "process",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}

# --- Celery (the schedule itself is a table in celery.py) ---------------------------------------
CELERY_BROKER_URL, _told = env.broker("REDPACKET_BROKER_URL", REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = brokers.options(CELERY_BROKER_URL, DATA_DIR / "broker") | _told
CELERY_BROKER_HEARTBEAT = brokers.HEARTBEAT_S
_queue = brokers.queue(CELERY_BROKER_URL)
CELERY_TASK_QUEUES = [_queue]
CELERY_TASK_DEFAULT_QUEUE = CELERY_TASK_DEFAULT_EXCHANGE = _queue.name
CELERY_TASK_DEFAULT_ROUTING_KEY = _queue.routing_key
CELERY_TASK_DEFAULT_EXCHANGE_TYPE = _queue.exchange.type
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 45
CELERY_TASK_SOFT_TIME_LIMIT = 30
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CONSUMER = "kit.plumbing.consumer:Consumer"
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_BEAT_SCHEDULER = "kit.plumbing.scheduler:Scheduler"

# --- Language and time --------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.zone("REDPACKET_TIME_ZONE", "Asia/Shanghai")

# --- API ----------------------------------------------------------------------------------------
BODY_MAX_BYTES = 64 * 1024
SERVICE_BODY_MAX_BYTES = 4 * 1024 * 1024
PAGE_BODY_MAX_BYTES = 36 * 1024 * 1024  # a bill that finance uploads, and its form
DATA_UPLOAD_MAX_MEMORY_SIZE = SERVICE_BODY_MAX_BYTES
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["kit.http.caller.UserAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["kit.http.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "kit.http.schema.Schema",
    "EXCEPTION_HANDLER": "kit.http.problems.handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Hongbao",
    "DESCRIPTION": "Red packets for a chat app: send, pay, grab, look at everyone's luck.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "PacketType": "packets.api.serializers.KINDS",
        "PacketState": "packets.api.serializers.STATES",
        "PayStatus": "packets.api.serializers.PAY_STATUSES",
        "PayType": "packets.api.serializers.PAY_TYPES",
        "PayWay": "packets.api.serializers.PAY_WAYS",
        "Outcome": "packets.api.serializers.OUTCOMES",
        "Scene": "payments.api.serializers.SCENES",
        "Purpose": "payments.api.serializers.PURPOSES",
        "OrderStatus": "payments.api.serializers.ORDER_STATUSES",
        "Channel": "payments.api.serializers.CHANNEL_WORDS",
        "PacketAction": "packets.api.serializers.ACTIONS",
        "BubbleWord": "packets.api.serializers.BUBBLES",
        "FlowKind": "wallets.api.serializers.KINDS",
    },
    "DEFAULT_GENERATOR_CLASS": "kit.http.schema.Generator",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "redpacket_site.openapi.described",
    ],
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
}

# --- Staff --------------------------------------------------------------------------------------
PASSWORD_HASHERS = ["office.accounts.passwords.Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "office.accounts.passwords.LongEnough", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Wrong codes use up tries of ours (office/accounts/tries.py); by itself a device would be shut for
# days by whoever has learnt the password.
OTP_TOTP_THROTTLE_FACTOR = 0
OTP_TOTP_ISSUER = "Hongbao"
REDPACKET_STAFF_IDLE_S = env.integer("REDPACKET_STAFF_IDLE_S", 1800, 60, 86_400)
REDPACKET_STAFF_SESSION_S = env.integer("REDPACKET_STAFF_SESSION_S", 8 * 3600, 60, 86_400)
# Seconds after a change of one's password or second factor in which one approves nothing, and for
# which an invitation is good.
REDPACKET_CREDENTIALS_REST_S = env.integer(
    "REDPACKET_CREDENTIALS_REST_S", 86_400, 3600, 30 * 86_400
)
REDPACKET_INVITATION_S = env.integer("REDPACKET_INVITATION_S", 3 * 86_400, 3600, 30 * 86_400)
CSRF_FAILURE_VIEW = "office.errors.stale"
SESSION_COOKIE_AGE = REDPACKET_STAFF_SESSION_S
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION and env.switch("REDPACKET_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
HSTS = PRODUCTION and env.switch("REDPACKET_HSTS", True)
SECURE_HSTS_SECONDS = 31_536_000 if HSTS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HSTS

# --- Static files -------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
FILE_UPLOAD_PERMISSIONS = None  # whoever collects says by his umask who may read
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "h5.files.Finder",
]
# Collected everywhere, by `make up` too, so that the same bytes with the same headers are served.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "h5.files.Compressed"},
}
WHITENOISE_ADD_HEADERS_FUNCTION = files.headers

# --- Logs ---------------------------------------------------------------------------------------
LOGGING_CONFIG = "kit.plumbing.logs.configure"
REDPACKET_TRACES_TO = env.text("REDPACKET_TRACES_TO")
# Of the grabs that leave with nothing, one of so many has its line; all are in the figures.
REDPACKET_LOG_REFUSED_ONE_OF = env.integer("REDPACKET_LOG_REFUSED_ONE_OF", 100, 1, 1_000_000)
LOGGING = {"level": env.word("REDPACKET_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))}
