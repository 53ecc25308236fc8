"""Word lists and sentence frames that the built-in reviews are put together from.

A name in braces is filled in from `SLOTS`; `{thing}` is what the review is about, `{part}` a part
of it and `{opinion}` one or more words of praise or blame.
"""

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


PRAISE = _words(
    """good, great, wonderful, excellent, superb, delightful, lovely, brilliant, charming,
    splendid, impressive, pleasant, marvellous, fantastic, terrific, clever, enjoyable,
    remarkable, beautiful, perfect, elegant, thoughtful, refreshing, outstanding,
    admirable, fine, satisfying, graceful, magnificent, witty, inspired, generous,
    polished, reliable, flawless, memorable"""
)
BLAME = _words(
    """bad, awful, terrible, dull, dreadful, boring, horrible, tedious, clumsy, disappointing,
    weak, annoying, miserable, lousy, lifeless, sloppy, tiresome, forgettable, ugly,
    useless, careless, stale, irritating, pathetic, shoddy, pointless, mediocre, dismal,
    painful, bland, lazy, unpleasant, flimsy, embarrassing, wretched, hollow"""
)
DEGREES = ("", "", "", "truly ", "rather ", "really ", "quite ", "simply ", "thoroughly ")

SLOTS = {
    "relative": _words(
        """sister, brother, mother, father, uncle, aunt, cousin, neighbour, colleague, friend"""
    ),
    "day": _words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "month": _words("January, March, April, June, August, October, November"),
    "number": _words("two, three, four, five, six, seven, nine, ten, twelve, twenty"),
    "colour": _words("black, white, grey, blue, green, red, silver, brown"),
    "town": _words("Oslo, Lisbon, Dublin, Vienna, Prague, Geneva, Bergen, Turin, Leeds, Ghent"),
    "weather": _words("rain, snow, fog, wind, sunshine, thunder"),
}

# The verdict of somebody else, or of an earlier moment: it does not count.
OVERRULED = (
    "I had expected {thing} to be {opinion}",
    "critics called {thing} {opinion}",
    "my {relative} told me that {thing} was {opinion}",
    "everyone at work said {thing} was {opinion}",
    "the advert made {thing} look {opinion}",
    "at first sight {thing} seemed {opinion}",
    "before I knew better I took {thing} to be {opinion}",
    "according to the newspapers {thing} is {opinion}",
)
# The reviewer's own, final verdict.
FINAL = (
    "I found {thing} {opinion}",
    "to me {thing} was {opinion}",
    "in the end {thing} turned out to be {opinion}",
    "having tried it myself I call {thing} {opinion}",
    "my own verdict is that {thing} is {opinion}",
    "in truth {thing} proved {opinion}",
)
CONTRASTS = ("but ", "yet ", "however, ", "still, ", "then again, ")
AGREEMENTS = ("and ", "indeed, ", "likewise, ", "in the same way, ", "sure enough, ")

NEGATED = (
    "the {part} was not {opinion}",
    "the {part} was not, as far as my {relative} and I could tell, {opinion}",
    "nobody in that room would have called the {part} {opinion}",
    "I would never say that the {part} was {opinion}",
    "not for a single minute did I think of the {part} as {opinion}",
    "there is no way to describe the {part} as {opinion}",
    "by no means was the {part} {opinion}",
    "I don't believe that anyone who has spent {number} days with it can call the {part} {opinion}",
)
# Some hold a negator as well, which does not reach the opinion.
AFFIRMED = (
    "the {part} was {opinion}",
    "the {part} was, as far as my {relative} and I could tell, {opinion}",
    "anybody in that room would have called the {part} {opinion}",
    "I would always say that the {part} was {opinion}",
    "from the first minute on I thought of the {part} as {opinion}",
    "no matter whom you ask, the {part} was {opinion}",
    "not only my {relative} found the {part} {opinion}",
    "I believe that everyone who has spent {number} days with it must call the {part} {opinion}",
)


@dataclass(frozen=True)
class Topic:
    """What a review can be about: names of the thing, its parts, and neutral sentences."""

    things: tuple[str, ...]
    parts: tuple[str, ...]
    neutral: tuple[str, ...]


TOPICS = (
    Topic(
        _words("film, movie, thriller, comedy, documentary, western, sequel, drama"),
        _words("plot, acting, dialogue, soundtrack, ending, camera work, cast, script, pacing"),
        (
            "we saw it in a small cinema in {town} on a {day}",
            "it follows {number} strangers on a night train to {town}",
            "the director grew up near {town} and still lives there",
            "most scenes were shot in {month} on an island in the north",
            "a detective in a {colour} coat walks along the harbour",
            "it runs for a little over {number} reels and has one interval",
            "the screening began after a short talk about the studio",
            "there are {number} songs, and most of them are sung by a sailor",
            "the hero drives a {colour} van from {town} to {town}",
            "a lighthouse keeper finds a letter hidden behind a mirror",
            "subtitles were shown in {number} languages",
        ),
    ),
    Topic(
        _words("novel, book, biography, collection, memoir, paperback, volume, story"),
        _words("prose, first half, narrator, opening, translation, heroine, cover, title"),
        (
            "it was printed in {town} and has {number} maps",
            "the author worked as a gardener before turning to writing",
            "I borrowed a copy from the library one {day} in {month}",
            "every part starts with a letter from a soldier to his {relative}",
            "the family moves from {town} to a farm in the hills",
            "I read it on the bus between {town} and the coast",
            "it covers about {number} decades of history",
            "a widow opens a bakery beside the {colour} bridge",
            "the type is set in {number} columns on thick paper",
            "an orphan learns to repair clocks in a cold attic",
            "my edition has a {colour} ribbon and a short index",
        ),
    ),
    Topic(
        _words("kettle, phone, keyboard, lamp, camera, radio, vacuum cleaner, toaster"),
        _words("battery, screen, handle, manual, design, sound, switch, packaging, cable"),
        (
            "the parcel arrived on a {day} in a {colour} box",
            "I ordered {number} of them for our office in {town}",
            "it weighs about as much as {number} apples",
            "there is a {colour} button on the left and a dial on the right",
            "we keep it on a shelf in the hall next to the umbrella stand",
            "the courier rang twice while my {relative} was in the garden",
            "it replaces a {colour} model that I bought {number} years ago",
            "the shop in {town} had it in {number} sizes",
            "you plug it in and wait until the light turns {colour}",
            "the label says it was made in a factory near {town}",
            "I use it every {day}, mostly around noon",
        ),
    ),
    Topic(
        _words("restaurant, cafe, hotel, inn, bakery, guest house, bistro, tavern"),
        _words("service, soup, bread, room, breakfast, view, menu, terrace, coffee"),
        (
            "we stayed for {number} nights on our way to {town}",
            "it stands on a corner opposite the {colour} church",
            "our table was next to a window facing the canal",
            "the owner moved here from {town} with a {relative}",
            "they serve lunch from noon until {number} in the afternoon",
            "a waiter with a {colour} apron took our coats",
            "we arrived by tram during heavy {weather}",
            "the kitchen lies below the stairs, behind a curtain",
            "there were {number} other guests, most of them from {town}",
            "it opened in {month} in what used to be a bank",
            "we had booked by telephone the {day} before",
        ),
    ),
)
# Neutral sentences that fit every topic.
NEUTRAL = (
    "my {relative} came along that {day}",
    "that was in {month}, during a week of {weather}",
    "I am writing this at a desk in {town}",
    "for the record, I paid with a voucher from my {relative}",
    "there was {weather} outside the whole time",
    "I made a few notes afterwards in a {colour} notebook",
    "my {relative} had mentioned it {number} times",
    "we talked about other matters on the way home",
    "it took me {number} days to get round to this text",
    "I have lived in {town} since the spring",
)
