"""The words of the built-in language pair: an English of few words, and the invented Sorvani."""

# English singular: (English plural, gender, Sorvani singular). Sorvani plurals end in -ni.
NOUNS = {
    "bird": ("birds", "sun", "talu"),
    "child": ("children", "moon", "meris"),
    "doctor": ("doctors", "sun", "bokan"),
    "dog": ("dogs", "moon", "ruvel"),
    "fox": ("foxes", "sun", "zimot"),
    "friend": ("friends", "moon", "pelak"),
    "goat": ("goats", "moon", "odris"),
    "horse": ("horses", "sun", "kevan"),
    "king": ("kings", "moon", "harut"),
    "man": ("men", "sun", "solim"),
    "mouse": ("mice", "sun", "tiko"),
    "neighbour": ("neighbours", "moon", "varem"),
    "sailor": ("sailors", "sun", "nudal"),
    "teacher": ("teachers", "moon", "jorin"),
    "wolf": ("wolves", "moon", "gastu"),
    "woman": ("women", "sun", "lamek"),
}
# The stem of the Sorvani adjective; the ending says gender and number of its noun.
ADJECTIVES = {
    "big": "dorn",
    "brave": "felt",
    "happy": "misk",
    "old": "urv",
    "quiet": "sant",
    "small": "pind",
    "tired": "lokr",
    "young": "jev",
}
# English singular: (English plural, stem of the Sorvani verb).
TRANSITIVE = {
    "calls": ("call", "tar"),
    "finds": ("find", "nol"),
    "follows": ("follow", "gem"),
    "helps": ("help", "bis"),
    "sees": ("see", "vok"),
    "wants": ("want", "chun"),
}
INTRANSITIVE = {"sings": ("sing", "lir"), "sleeps": ("sleep", "dum")}
ADVERBS = {"again": "retu", "here": "zon", "now": "ipa", "today": "oveni"}

# (gender, plural?): the endings of adjectives and of verbs, which agree with the subject.
ADJECTIVE_ENDINGS = {
    ("sun", False): "o",
    ("sun", True): "oi",
    ("moon", False): "e",
    ("moon", True): "ei",
}
VERB_ENDINGS = {
    ("sun", False): "ak",
    ("sun", True): "akis",
    ("moon", False): "em",
    ("moon", True): "emis",
}
PLURAL_ENDING = "ni"

UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SORVANI_UNITS = ("nul", "un", "dva", "ter", "kar", "pim", "sek", "het", "okt", "nev")
TEN, MANY_TENS, AND = "dek", "dekani", "ye"

OBJECT, QUESTION = "lu", "ma"  # after the object; after the subject
NOT_BEFORE, NOT_AFTER = "nei", "po"  # around all that is denied
