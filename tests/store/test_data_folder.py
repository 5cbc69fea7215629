from django.conf import settings


def test_tests_never_use_the_repositorys_data_folder():
    assert settings.DATA_DIR != settings.BASE_DIR / "data"
