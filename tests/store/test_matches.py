import pytest

from routerapp.engine.conditions import leaf_id
from routerapp.engine.problems import PolicyError
from routerapp.models import RoutedRequest
from routerapp.store.matches import count_matches, count_rule_hits
from routerapp.store.recorded import recorded_window
from tests.factories import a_request

pytestmark = pytest.mark.django_db

IS_CODE = {"field": "task", "op": "eq", "value": "code"}
SAYS_CRYPTO = {"field": "text", "op": "matches", "value": "(?i)crypto"}
CRYPTO_LEAF = leaf_id("text", "matches", "(?i)crypto")


@pytest.fixture(autouse=True)
def fresh_window():
    recorded_window.cache_clear()


def says(text):
    return {"model": "auto", "messages": [{"role": "user", "content": text}]}


def test_counts_facts_and_names_the_newest_that_match():
    a_request(features={"task": "chat"})
    older, newer = a_request(features={"task": "code"}), a_request(features={"task": "code"})
    count = count_matches(IS_CODE)

    assert (count.matched, count.unknown, count.total) == (2, 0, 3)
    assert count.example_ids == (newer.id, older.id)


def test_content_counts_from_observation_then_body_and_is_unknown_without_both():
    a_request(observations={CRYPTO_LEAF: True})
    a_request(observations={CRYPTO_LEAF: False})
    a_request(chat=says("Free CRYPTO now"))
    a_request(chat=says("Good morning"))
    a_request()
    count = count_matches(SAYS_CRYPTO)

    assert (count.matched, count.unknown, count.total) == (2, 1, 5)


def test_the_observation_wins_over_a_redacted_body():
    a_request(observations={CRYPTO_LEAF: True}, chat=says("Free [redacted] now"))

    assert count_matches(SAYS_CRYPTO).matched == 1


def test_unknown_content_that_cannot_change_the_answer_is_no_unknown():
    a_request(features={"task": "chat"})

    assert count_matches({"all": [IS_CODE, SAYS_CRYPTO]}).unknown == 0
    assert count_matches({"any": [IS_CODE, SAYS_CRYPTO]}).unknown == 1


def test_the_clock_of_a_request_is_its_own_in_the_policys_time_zone():
    a_request(at_ms=1_767_222_000_000)  # 2025-12-31 23:00 UTC
    midnight = {"field": "hour", "op": "eq", "value": 0}

    assert count_matches(midnight).matched == 0
    assert count_matches(midnight, timezone="Europe/Berlin").matched == 1


def test_a_second_count_reads_only_what_is_new(django_assert_num_queries):
    for _ in range(3):
        a_request(features={"task": "code"})
    count_matches(IS_CODE)

    with django_assert_num_queries(1):
        assert count_matches(IS_CODE).matched == 3
    a_request(features={"task": "code"})
    with django_assert_num_queries(3):
        assert count_matches(IS_CODE).matched == 4


def test_a_deleted_request_no_longer_counts():
    row = a_request(features={"task": "code"})
    assert count_matches(IS_CODE).matched == 1
    RoutedRequest.objects.filter(id=row.id).delete()

    assert count_matches(IS_CODE).total == 0


def test_only_the_newest_count():
    a_request(features={"task": "code"})
    a_request(features={"task": "chat"})

    assert count_matches(IS_CODE, limit=1).matched == 0


def test_probes_and_shadows_do_not_count_and_samples_do():
    for origin in ("probe", "shadow", "sample", "playground"):
        a_request(origin=origin, features={"task": "code"})

    assert count_matches(IS_CODE).total == 2


def test_a_bad_condition_is_refused_with_its_path():
    with pytest.raises(PolicyError) as refused:
        count_matches({"field": "text", "op": "matches", "value": "(?=x)"})
    assert refused.value.problems[0].path == "when.value"


def test_the_first_rule_that_matches_takes_the_request():
    a_request(features={"task": "code"}, observations={CRYPTO_LEAF: True})
    a_request(features={"task": "code"}, observations={CRYPTO_LEAF: False})
    a_request(features={"task": "code"})
    a_request(features={"task": "chat"}, observations={CRYPTO_LEAF: False})
    hits = count_rule_hits(
        {
            "rules": [
                {"id": "off", "enabled": False, "when": IS_CODE, "use": {}},
                {"id": "spam", "when": SAYS_CRYPTO, "use": {}},
                {"id": "code", "when": IS_CODE, "use": {}},
            ]
        }
    )

    assert [(rule.rule_id, rule.matched, rule.unknown) for rule in hits.rules] == [
        ("off", 0, 0),
        ("spam", 1, 1),
        ("code", 1, 1),
    ]
    assert (hits.default.matched, hits.default.unknown, hits.total) == (1, 0, 4)
