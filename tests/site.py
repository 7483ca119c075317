"""What the built pages must be: complete by themselves, without anything to fetch.

`python -m tests.site docs/_build/html`, which `make docs` does.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

# What a browser fetches by itself; a link is followed by people.
_FETCHED = {
    *(("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src")),
    *(("source", "src"), ("video", "src"), ("audio", "src"), ("object", "data")),
}
_ELSEWHERE = re.compile(r"^(\w+:)?//")
_IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?((?:https?:)?//[^"')\s]+)""")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if (tag, name) in _FETCHED:
                self.fetched.append(value)
            if name == "href":
                self.links.append(value)
            if name == "id":
                self.places.add(value)


def loads_from_elsewhere(text: str) -> list[str]:
    """Return what a browser would fetch from another machine to show this."""
    reader = _Reader()
    reader.feed(text)
    fetched = [each for each in reader.fetched if _ELSEWHERE.match(each)]
    return fetched + _IN_STYLES.findall(text)


def problems(site: Path) -> list[str]:
    """Return, one per line, what would be fetched, and links that lead nowhere."""
    found = []
    readers: dict[Path, _Reader] = {}
    for file in sorted(site.rglob("*")):
        if file.suffix not in (".html", ".css"):
            continue
        text = file.read_text(encoding="utf-8")
        found += [f"{file}: fetches {each}" for each in loads_from_elsewhere(text)]
        if file.suffix == ".html":
            readers[file.resolve()] = reader = _Reader()
            reader.feed(text)
    for file, reader in readers.items():
        for link in [*reader.links, *reader.fetched]:
            path, _, place = link.partition("#")
            if _ELSEWHERE.match(path) or path.startswith("mailto:"):
                continue
            target = (file.parent / path.partition("?")[0]).resolve() if path else file
            there = readers.get(target)
            if not target.exists() or (
                place and there is not None and place not in there.places
            ):
                found.append(f"{file}: {link} leads nowhere")
    return found


def main() -> int:
    """Say what is wrong with a built site; return the exit status."""
    site = Path(sys.argv[1])
    found = problems(site)
    print("\n".join(found) or f"{len(list(site.rglob('*.html')))} pages are complete")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
