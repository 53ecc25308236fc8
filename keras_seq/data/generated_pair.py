"""The built-in language pair: a small English, and Sorvani, invented for it.

Sorvani differs from English in what makes translation more than looking words up:

- *Order*: the verb comes last, the adjective after its noun, an adverb first. The object is marked
  by `lu` after it. "The old man sees the dog now" is "now man old dog lu sees".
- *Agreement*: each noun is of the gender of the sun or of the moon, which English does not show.
  Adjectives end as gender and number of their noun ask, verbs as those of the subject ask.
- *Numbers* up to 99 name the units first: 42 is "two and four tens", `dva ye kar dekani`.
- *Questions*: English begins with do or does; Sorvani has `ma` after the subject, and agreement
  on the verb all the same.
- *Negation* goes around the object and the verb: `nei ... po`.

Every test sentence joins a subject with a verb, and an adjective with a noun if it has one, that no
training sentence joins so; numbers of two words in it are new as well. All words occur in training.
"""

from dataclasses import dataclass
from random import Random

from keras_seq.data.generated_pair_words import (
    ADJECTIVE_ENDINGS,
    ADJECTIVES,
    ADVERBS,
    AND,
    INTRANSITIVE,
    MANY_TENS,
    NOT_AFTER,
    NOT_BEFORE,
    NOUNS,
    OBJECT,
    PLURAL_ENDING,
    QUESTION,
    SORVANI_UNITS,
    TEENS,
    TEN,
    TENS,
    TRANSITIVE,
    UNITS,
    VERB_ENDINGS,
)
from keras_seq.data.parallel import ParallelDataset, ParallelTexts

LANGUAGES = ("English", "Sorvani")
_SHORTEST, _LONGEST = 4, 12  # words of a sentence, on both sides
_VERBS = {**TRANSITIVE, **INTRANSITIVE}
_TRAIN, _VALIDATION, _TEST = range(3)
# The part that a noun and a verb (or a noun and an adjective, or tens and units) meet in, by the
# sum of their places: so each noun meets some verbs in each part, and others in another.
_PART_OF_SUM = (_TEST, _TRAIN, _TRAIN, _TEST, _TRAIN, _VALIDATION, _TRAIN, _TRAIN)


@dataclass(frozen=True)
class Phrase:
    """A noun with what belongs to it.

    Attributes:
        noun: The English singular.
        plural: Whether there are several.
        adjective: In English, or None.
        number: A whole number from 0 to 99, or None: the phrase then begins with "the".
    """

    noun: str
    plural: bool
    adjective: str | None = None
    number: int | None = None

    @property
    def form(self) -> tuple[str, bool]:
        """What others agree with: gender and number."""
        return NOUNS[self.noun][1], self.plural

    def english(self) -> list[str]:
        """The words in English: number, adjective, noun."""
        noun = NOUNS[self.noun][0] if self.plural else self.noun
        number = ["the"] if self.number is None else english_number(self.number)
        return [*number, *([self.adjective] if self.adjective else []), noun]

    def sorvani(self) -> list[str]:
        """The words in Sorvani: number, noun, adjective."""
        noun = NOUNS[self.noun][2] + (PLURAL_ENDING if self.plural else "")
        number = [] if self.number is None else sorvani_number(self.number)
        if self.adjective is None:
            return [*number, noun]
        return [*number, noun, ADJECTIVES[self.adjective] + ADJECTIVE_ENDINGS[self.form]]


@dataclass(frozen=True)
class Sentence:
    """What is said, in no language.

    Attributes:
        subject: Who acts.
        verb: The English singular.
        object: Whom the act is done to, or None.
        adverb: In English, or None.
        negated: Whether it is denied.
        question: Whether it is asked.
    """

    subject: Phrase
    verb: str
    object: Phrase | None = None
    adverb: str | None = None
    negated: bool = False
    question: bool = False

    def english(self) -> list[str]:
        """The words in English: do, subject, do not, verb, object, adverb."""
        plain = _VERBS[self.verb][0]
        do = "do" if self.subject.plural else "does"
        subject, negation = self.subject.english(), ["not"] if self.negated else []
        if self.question:
            start = [do, *subject, *negation, plain]
        elif self.negated:
            start = [*subject, do, "not", plain]
        else:
            start = [*subject, plain if self.subject.plural else self.verb]
        rest = self.object.english() if self.object else []
        return [*start, *rest, *([self.adverb] if self.adverb else [])]

    def sorvani(self) -> list[str]:
        """The words in Sorvani: adverb, subject, question, object, verb."""
        denied = [*self.object.sorvani(), OBJECT] if self.object else []
        denied.append(_VERBS[self.verb][1] + VERB_ENDINGS[self.subject.form])
        if self.negated:
            denied = [NOT_BEFORE, *denied, NOT_AFTER]
        question = [QUESTION] if self.question else []
        adverb = [ADVERBS[self.adverb]] if self.adverb else []
        return [*adverb, *self.subject.sorvani(), *question, *denied]


def english_number(number: int) -> list[str]:
    """Names a number from 0 to 99, tens first.

    Example:
        >>> english_number(42), english_number(17)
        (['forty', 'two'], ['seventeen'])
    """
    tens, units = divmod(number, 10)
    if tens < 2:
        return [(*UNITS, *TEENS)[number]]
    return [TENS[tens - 2], *([UNITS[units]] if units else [])]


def sorvani_number(number: int) -> list[str]:
    """Names a number from 0 to 99, units first.

    Example:
        >>> sorvani_number(42), sorvani_number(17), sorvani_number(10)
        (['dva', 'ye', 'kar', 'dekani'], ['het', 'ye', 'dek'], ['dek'])
    """
    tens, units = divmod(number, 10)
    if not tens:
        return [SORVANI_UNITS[units]]
    ten = [TEN] if tens == 1 else [SORVANI_UNITS[tens], MANY_TENS]
    return [SORVANI_UNITS[units], AND, *ten] if units else ten


def generate_pairs(
    train: int = 6_000, validation: int = 500, test: int = 500, seed: int = 2024
) -> ParallelDataset:
    r"""Writes sentences in English and in Sorvani, no two alike; see the module for the grammar.

    Args:
        train: How many training sentences.
        validation: How many validation sentences.
        test: How many test sentences.
        seed: The same seed gives the same sentences.

    Returns:
        The three parts; sentences of 4 to 12 words on either side.

    Example:
        >>> from keras_seq.data import generate_pairs
        >>> pairs = generate_pairs(train=1, validation=1, test=1, seed=8)
        >>> print(pairs.train.sources[0], pairs.train.targets[0], sep="\n")
        five happy horses call the happy foxes today
        oveni pim kevanni miskoi zimotni miskoi lu tarakis
    """
    random = Random(seed)
    seen: set[str] = set()
    return ParallelDataset(
        name="builtin",
        train=_write_part(_TRAIN, train, random, seen),
        validation=_write_part(_VALIDATION, validation, random, seen),
        test=_write_part(_TEST, test, random, seen),
        own_test_part=True,
        languages=LANGUAGES,
    )


def _write_part(part: int, count: int, random: Random, seen: set[str]) -> ParallelTexts:
    sources: list[str] = []
    targets: list[str] = []
    while len(sources) < count:
        sentence = _draw_sentence(part, random)
        english, sorvani = sentence.english(), sentence.sorvani()
        source = " ".join(english)
        fits = all(_SHORTEST <= len(words) <= _LONGEST for words in (english, sorvani))
        if fits and source not in seen:
            seen.add(source)
            sources.append(source)
            targets.append(" ".join(sorvani))
    return ParallelTexts(sources, targets)


def _draw_sentence(part: int, random: Random) -> Sentence:
    subject = _draw_phrase(part, random)
    verb = random.choice(_partners(part, subject.noun, [*_VERBS]))
    return Sentence(
        subject,
        verb,
        _draw_phrase(part, random) if verb in TRANSITIVE else None,
        random.choice([*ADVERBS]) if random.random() < 0.4 else None,
        negated=random.random() < 0.3,
        question=random.random() < 0.3,
    )


def _draw_phrase(part: int, random: Random) -> Phrase:
    noun = random.choice([*NOUNS])
    with_adjective, with_number = random.random() < 0.5, random.random() < 0.4
    adjective = random.choice(_partners(part, noun, [*ADJECTIVES])) if with_adjective else None
    number = random.choice(_NUMBERS[part]) if with_number else None
    plural = random.random() < 0.5 if number is None else number != 1
    return Phrase(noun, plural, adjective, number)


def _partners(part: int, noun: str, words: list[str]) -> list[str]:
    """Gives the verbs or adjectives that a noun meets in one part of the dataset."""
    place = [*NOUNS].index(noun)
    return [word for n, word in enumerate(words) if _part_of_sum(place + n) == part]


def _part_of_sum(places: int) -> int:
    return _PART_OF_SUM[places % len(_PART_OF_SUM)]


# Numbers that are one word in English are in every part, or words would be missing in training.
_NUMBERS = [
    [
        n
        for n in range(100)
        if len(english_number(n)) == 1 or _part_of_sum(sum(divmod(n, 10))) == part
    ]
    for part in (_TRAIN, _VALIDATION, _TEST)
]
