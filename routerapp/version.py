"""The version of this Signalbox; pyproject.toml says the same, which a test holds it to."""

PRODUCT_VERSION = "0.1.0"
