import random
from collections import Counter, defaultdict

import pytest

from keras_seq.data import (
    DataError,
    ParallelDataset,
    ParallelTexts,
    split_pairs,
    word_by_word_accuracy,
)


def linked_pairs(count=400, seed=0):
    """Pairs that often share a sentence, but for case and space, in groups of many sizes."""
    draw = random.Random(seed)
    sources = [f"Source {draw.randrange(count)}" for _ in range(count)]
    targets = [f"target {draw.randrange(count)}" for _ in range(count)]
    sources = [draw.choice([str.lower, str.upper])(text).replace(" ", "  ") for text in sources]
    return ParallelTexts(sources, targets)


def plain(texts):
    return {text.lower().replace("  ", " ") for text in texts}


@pytest.mark.parametrize("seed", range(3))
def test_split_shares_no_sentence(seed):
    pairs = linked_pairs()
    kept, held_out = split_pairs(pairs, 0.2, seed)
    assert not plain(kept.sources) & plain(held_out.sources)
    assert not plain(kept.targets) & plain(held_out.targets)
    # Whole groups are held out: without their links, single pairs would never meet the share.
    assert len(held_out) == 80
    assert len(plain(held_out.sources)) < len(held_out)


def test_split_keeps_order_and_loses_nothing():
    pairs = linked_pairs()
    kept, held_out = split_pairs(pairs, 0.1, seed=4)
    both = list(zip(pairs.sources, pairs.targets, strict=True))
    for part in (kept, held_out):
        rest = iter(both)
        assert all(row in rest for row in zip(part.sources, part.targets, strict=True))
    together = [
        row for part in (kept, held_out) for row in zip(part.sources, part.targets, strict=True)
    ]
    assert Counter(together) == Counter(both)


def test_split_hangs_on_its_seed():
    first, again, other = (split_pairs(linked_pairs(), 0.2, seed)[1] for seed in (1, 1, 2))
    assert first.sources == again.sources != other.sources


def test_a_group_too_large_to_hold_out_stays():
    chain = ParallelTexts(
        [f"s{n // 2}" for n in range(20)], [f"t{(n + 1) // 2}" for n in range(20)]
    )
    alone = ParallelTexts([*chain.sources, "x", "y"], [*chain.targets, "u", "v"])
    _, held_out = split_pairs(alone, 0.1, seed=0)
    assert sorted(held_out.sources) == ["x", "y"]
    with pytest.raises(DataError, match=r"20 pairs in 1 groups .* share of 0\.1"):
        split_pairs(chain, 0.1, seed=0)


@pytest.mark.parametrize("fraction", [0, 1, 1.5])
def test_split_refuses_other_shares(fraction):
    with pytest.raises(DataError, match="between 0 and 1"):
        split_pairs(linked_pairs(), fraction, seed=0)


@pytest.mark.parametrize("count", [0, 1])
def test_split_refuses_too_few_pairs(count):
    with pytest.raises(DataError, match=f"{count} pairs in {count} groups"):
        split_pairs(ParallelTexts(["a"] * count, ["b"] * count), 0.5, seed=0)


def test_sides_must_be_as_many():
    with pytest.raises(DataError, match="2 sources came with 1 targets"):
        ParallelTexts(["a", "b"], ["x"])


def test_reversed_swaps_all_parts_and_names():
    parts = [ParallelTexts([f"s{n}"], [f"t{n}"]) for n in range(3)]
    there = ParallelDataset("name", *parts, True, ("de", "en"))
    back = there.reversed()
    assert (back.languages, back.own_test_part, back.name) == (("en", "de"), True, "name")
    assert [part.sources for part in (back.train, back.validation, back.test)] == [
        ["t0"],
        ["t1"],
        ["t2"],
    ]
    assert back.test.targets == ["s2"]


def dictionary_by_hand(sources, targets, rounds=5):
    """IBM Model 1 in plain loops, source words made by target words or by none."""
    chance = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        counts = defaultdict(float)
        for source, target in zip(sources, targets, strict=True):
            for word in source.split():
                makers = ["", *target.split()]
                total = sum(chance[word, maker] for maker in makers)
                for maker in makers:
                    counts[word, maker] += chance[word, maker] / total
        totals = defaultdict(float)
        for (_, maker), count in counts.items():
            totals[maker] += count
        chance = defaultdict(float, {key: n / totals[key[1]] for key, n in counts.items()})
    best = {}
    for (word, maker), count in counts.items():
        if count > best.get(word, ("", -1.0))[1]:
            best[word] = (maker, count)
    return {word: maker for word, (maker, _) in best.items()}


@pytest.mark.parametrize("seed", range(3))
def test_word_by_word_is_that_of_plain_loops(seed):
    draw = random.Random(seed)
    sources, targets = [], []
    for _ in range(300):
        ids = [draw.randrange(12) for _ in range(draw.randrange(1, 6))]
        sources.append(" ".join(f"s{n}" for n in ids))
        # Word 0 has no counterpart, word 1 two; some sentences are turned round.
        words = [f"t{n}" for n in ids if n] + ["t1b"] * (1 in ids)
        targets.append(" ".join(words[:: draw.choice([1, 1, -1])]))
    dictionary = dictionary_by_hand(sources, targets)
    assert dictionary["s0"] == ""
    right = [
        " ".join(dictionary[word] for word in source.split() if dictionary[word]) == target
        for source, target in zip(sources, targets, strict=True)
    ]
    pairs = ParallelTexts(sources, targets)
    accuracy = word_by_word_accuracy(ParallelDataset("name", pairs, pairs, pairs))
    assert accuracy == pytest.approx(sum(right) / 300)
    assert 0.2 < accuracy < 0.9


def test_a_word_that_others_explain_is_not_taken():
    # "y" stands beside "a" more often than "x" does, but it is "b" that "y" stands for.
    train = ParallelTexts(["a b"] * 5 + ["b"] * 4 + ["a c"], ["x y"] * 5 + ["y"] * 4 + ["y z"])
    assert dictionary_by_hand(train.sources, train.targets, rounds=1)["a"] != "x"
    test = ParallelTexts(["a"], ["x"])
    assert word_by_word_accuracy(ParallelDataset("name", train, train, test)) == 1


def test_words_that_training_lacks_are_left_out():
    train = ParallelTexts(["a", "b"], ["x", "y"])
    test = ParallelTexts(["a q b", "q"], ["x y", "y"])
    assert word_by_word_accuracy(ParallelDataset("name", train, train, test)) == 0.5
