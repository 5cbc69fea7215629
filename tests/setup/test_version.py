import tomllib

from routerapp.version import PRODUCT_VERSION
from tests.architecture.tree import ROOT


def test_the_project_says_the_same():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == PRODUCT_VERSION
