"""A page of a report, taken apart for the tests."""

from html.parser import HTMLParser

VOID = {"meta", "img", "br"}


class Parsed(HTMLParser):
    """Sections of a page by title, each a list of tables; their rows are lists of words."""

    def __init__(self, html):
        super().__init__()
        self.open, self.addresses, self.tags = [], [], set()
        self.tables, self.marked, self.words = {}, [], {}
        self.title = ""
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "h2":
            self.title = ""
        elif tag == "table":
            self.tables.setdefault(self.title, []).append([])
        elif tag == "tr":
            self.rows.append([])
            self.is_marked = ("class", "marked") in attributes
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "tr" and self.is_marked:
            self.marked.append(self.rows[-1])

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.title += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        self.words[self.title] = self.words.get(self.title, "") + data

    @property
    def rows(self):
        return self.tables[self.title][-1]
