"""What writes docs/RESULTS.md replaces its own section and leaves the others alone."""

from benchmarks.results import RESULTS, table, write_section


def test_sections_are_added_and_replaced(tmp_path):
    path = tmp_path / "RESULTS.md"
    write_section("First", "make first", "one 11", path)
    write_section("Second", "make second", "two 22", path)
    write_section("First", "make first", "three 33", path)
    text = path.read_text()
    assert "one 11" not in text
    assert text.index("three 33") < text.index("two 22")
    assert text.count("## First") == text.count("## Second") == 1
    assert text.startswith("# Results")
    before = text
    write_section("First", "make first", "three 33", path)
    assert path.read_text() == before


def test_table():
    assert table(["a", "b"], [[1, "x"]]) == "| a | b |\n| --- | --- |\n| 1 | x |"


def test_every_section_of_the_results_names_its_command():
    text = RESULTS.read_text(encoding="utf-8")
    sections = text.split("\n## ")[1:]
    assert sections
    for section in sections:
        command = section.split("`")[1]
        assert command.startswith(("make ", "python -m benchmarks."))
