from tests.security.wiretap import wiretap as wiretap
