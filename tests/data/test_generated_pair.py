import re

import pytest

from keras_seq.data import generate_pairs, word_by_word_accuracy
from keras_seq.data.generated_pair import Phrase, Sentence, english_number, sorvani_number
from keras_seq.data.generated_pair_words import ADJECTIVES, NOUNS


@pytest.fixture(scope="module")
def pairs():
    return generate_pairs()


def words(texts):
    return {word for text in texts for word in text.split()}


def parts(pairs):
    return pairs.train, pairs.validation, pairs.test


def test_sizes_and_lengths(pairs):
    assert [len(part) for part in parts(pairs)] == [6_000, 500, 500]
    for part in parts(pairs):
        for texts in (part.sources, part.targets):
            lengths = [len(text.split()) for text in texts]
            assert min(lengths) >= 4
            assert max(lengths) <= 12


def test_no_sentence_comes_twice_on_either_side(pairs):
    for side in ("sources", "targets"):
        texts = [text for part in parts(pairs) for text in getattr(part, side)]
        assert len(set(texts)) == len(texts) == 7_000


def test_every_word_is_in_training(pairs):
    train, *others = parts(pairs)
    for part in others:
        assert words(part.sources) <= words(train.sources)
        assert words(part.targets) <= words(train.targets)
    assert len(words(train.sources)) < 130 > len(words(train.targets))


def joined(part):
    """(noun, adjective) and two-word numbers, found in the English text."""
    numbers = "|".join(english_number(n)[0] for n in range(20, 100, 10))
    singular = {plural: noun for noun, (plural, *_) in NOUNS.items()}
    phrases, two_words = set(), set()
    for text in part.sources:
        two_words |= set(
            re.findall(rf"(?:{numbers}) (?:one|two|three|four|five|six|seven|eight|nine)", text)
        )
        for adjective, noun in re.findall(rf"({'|'.join(ADJECTIVES)}) (\w+)", text):
            phrases.add((adjective, singular.get(noun, noun)))
    return phrases, two_words


def subjects_and_verbs(part):
    """The Sorvani subject's stem and the verb's, found in the target text."""
    stems = "|".join(noun for *_, noun in NOUNS.values())
    found = set()
    for text in part.targets:
        subject = re.search(rf"({stems})(?:ni)?\b", text)[1]
        verb = text.removesuffix(" po").split()[-1]
        found.add((subject, re.sub("(ak|em)(is)?$", "", verb)))
    return found


def test_parts_share_no_combination(pairs):
    train, validation, test = parts(pairs)
    for find in (lambda part: joined(part)[0], lambda part: joined(part)[1], subjects_and_verbs):
        assert len(find(test)) > 8
        assert not find(train) & find(test)
        assert not find(train) & find(validation)
        assert not find(validation) & find(test)


def test_words_alone_do_not_translate(pairs):
    assert word_by_word_accuracy(pairs) < 0.05
    assert word_by_word_accuracy(pairs.reversed()) < 0.05


def test_seed_decides(pairs):
    small = [generate_pairs(50, 5, 5, seed).train.sources for seed in (1, 1, 2)]
    assert small[0] == small[1] != small[2]
    assert generate_pairs().test.targets == pairs.test.targets


@pytest.mark.parametrize(
    ("number", "english", "sorvani"),
    [
        (0, "zero", "nul"),
        (7, "seven", "het"),
        (10, "ten", "dek"),
        (12, "twelve", "dva ye dek"),
        (20, "twenty", "dva dekani"),
        (42, "forty two", "dva ye kar dekani"),
        (99, "ninety nine", "nev ye nev dekani"),
    ],
)
def test_numbers(number, english, sorvani):
    assert " ".join(english_number(number)) == english
    assert " ".join(sorvani_number(number)) == sorvani


def test_every_number_has_a_name_of_its_own():
    for name in (english_number, sorvani_number):
        assert len({tuple(name(n)) for n in range(100)}) == 100


DOG = Phrase("dog", plural=False)
BIRDS = Phrase("bird", plural=True, adjective="big", number=21)


@pytest.mark.parametrize(
    ("sentence", "english", "sorvani"),
    [
        (Sentence(DOG, "sleeps"), "the dog sleeps", "ruvel dumem"),
        (
            Sentence(BIRDS, "sees", DOG, "now"),
            "twenty one big birds see the dog now",
            "ipa un ye dva dekani taluni dornoi ruvel lu vokakis",
        ),
        (
            Sentence(DOG, "sees", BIRDS, negated=True),
            "the dog does not see twenty one big birds",
            "ruvel nei un ye dva dekani taluni dornoi lu vokem po",
        ),
        (
            Sentence(Phrase("mouse", True, "old"), "helps", DOG, question=True, negated=True),
            "do the old mice not help the dog",
            "tikoni urvoi ma nei ruvel lu bisakis po",
        ),
        (
            Sentence(Phrase("king", False, "old"), "sings", adverb="here", question=True),
            "does the old king sing here",
            "zon harut urve ma lirem",
        ),
    ],
)
def test_grammar_by_hand(sentence, english, sorvani):
    assert " ".join(sentence.english()) == english
    assert " ".join(sentence.sorvani()) == sorvani
