import dataclasses
import hmac

import pytest
from django.conf import settings

from routerapp.models import InstallationState
from routerapp.store.secrets import (
    SecretRefused,
    WrongDataFolder,
    check_canary,
    decrypt,
    decrypt_credential,
    derived_key,
    encrypt,
    encrypt_credential,
    hash_key,
    keyed_hash,
)


@pytest.fixture
def other_data_folder(settings):
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, root_secret=b"x" * 32, pepper=b"x" * 32)


def test_a_credential_comes_back_for_its_own_provider():
    ciphertext = encrypt_credential("openai", "sk-secret-ü")

    assert "sk-secret" not in ciphertext
    assert decrypt_credential("openai", ciphertext) == "sk-secret-ü"


def test_swapped_ciphertexts_are_refused():
    ciphertext = encrypt_credential("openai", "sk-secret")

    with pytest.raises(SecretRefused, match="another row") as refused:
        decrypt_credential("mistral", ciphertext)
    assert "sk-secret" not in str(refused.value)


def test_another_purpose_is_refused():
    with pytest.raises(SecretRefused):
        decrypt("canary", "openai", encrypt_credential("openai", "sk-secret"))


def test_a_damaged_ciphertext_is_refused():
    ciphertext = encrypt("provider-credential", "openai", "sk-secret")

    with pytest.raises(SecretRefused):
        decrypt_credential("openai", ciphertext[:-8] + "AAAAAA==")


def test_each_purpose_hashes_differently_and_the_same_every_time():
    assert keyed_hash("user", "ada") == keyed_hash("user", "ada")
    assert keyed_hash("user", "ada") != keyed_hash("unit", "ada")
    assert len(hash_key("anything")) == 64


def test_another_data_folder_hashes_and_decrypts_nothing_of_this_one(request):
    ciphertext, hashed = encrypt_credential("openai", "sk-secret"), hash_key("key")
    request.getfixturevalue("other_data_folder")

    assert hash_key("key") != hashed
    with pytest.raises(SecretRefused):
        decrypt_credential("openai", ciphertext)


@pytest.mark.django_db
def test_the_canary_is_written_once_and_then_holds():
    check_canary()
    first = InstallationState.objects.get().canary
    check_canary()

    assert InstallationState.objects.get().canary == first != ""


@pytest.mark.django_db
def test_a_foreign_data_folder_is_refused_with_the_file_to_look_at(request):
    check_canary()
    request.getfixturevalue("other_data_folder")

    with pytest.raises(WrongDataFolder, match=str(settings.DATA_DIR / "root.key")):
        check_canary()


@pytest.mark.parametrize("text", ["", "a", "ü" * 40, "long " * 500])
def test_a_keyed_hash_is_hmac_sha_256(text):
    assert keyed_hash("unit", text) == hmac.digest(derived_key("hash/unit"), text.encode(), "sha256").hex()
