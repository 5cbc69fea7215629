"""Django settings, read from the environment, in reading order: paths, security, apps, data, pages, jobs, logs.

Every variable of our own is parsed by routerapp/environment.py, which refuses a bad value by name.
"""

import os
from pathlib import Path

# Before anything loads numpy: a training that shares its cores with a gateway is many times slower on several threads than on one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from routerapp.environment import read_environment
from routerapp.logs.configuration import logging_configuration

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = read_environment(BASE_DIR)
DATA_DIR = ENVIRONMENT.data_dir

DEBUG = False
SECRET_KEY = ENVIRONMENT.secret_key("django")
SECRET_KEY_FALLBACKS = ENVIRONMENT.old_secret_keys("django")
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENVIRONMENT.trusted_origins)
SESSION_ENGINE = "routerapp.store.sessions"
# A cookie of this prefix is one of this very host, sent over TLS only, whatever a neighbouring host writes.
SESSION_COOKIE_NAME = "__Host-signalbox" if ENVIRONMENT.is_https else "signalbox"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Before signing in; once signed in the installation's own limits hold (serving/sign_in_settings.py).
SESSION_COOKIE_AGE = 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.is_https
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "template_partials",
    "django_htmx",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "routerapp",
    "dashboard",
]
AUTH_USER_MODEL = "routerapp.User"
MIDDLEWARE = [
    "dashboard.request_address.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.session_limits.SessionLimitsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "routerapp.urls"
ASGI_APPLICATION = "routerapp.asgi.application"
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
                "csp.context_processors.nonce",
                "dashboard.shell.shell",
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    }
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "dashboard:sign-in"
LOGIN_REDIRECT_URL = "dashboard:overview"

DATABASES = {"default": ENVIRONMENT.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Plotly adds one empty style element and fills it by script: the hash is that of the empty string.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MESSAGE_TAGS = {10: "info", 20: "info", 25: "ok", 30: "warn", 40: "bad"}
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Signalbox management API",
    "DESCRIPTION": "Everything the dashboard can do, as JSON.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api",
    "OAS_VERSION": "3.0.3",
    # Several things have a kind, each with choices of its own.
    "ENUM_NAME_OVERRIDES": {
        "ProviderKind": "routerapp.models.ProviderKind",
        "AlertKind": "routerapp.models.AlertKind",
        "JobState": "routerapp.models.JobState",
        "BenchmarkState": "routerapp.models.BenchmarkState",
        "PredictorState": "routerapp.models.PredictorState",
        "AlertChannelKind": "routerapp.models.AlertChannelKind",
        "PromptSource": "routerapp.models.PromptSource",
        "ScoreSource": "routerapp.models.ScoreSource",
    },
}

LOGGING = logging_configuration(ENVIRONMENT, os.environ)
