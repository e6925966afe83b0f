"""Make HTML in Python. All text that is not of class Html is escaped."""

import html
import json
from collections.abc import Iterable, Sequence

VOID = {"input", "meta"}


class Html(str):
    """Text that is HTML."""


def join(*children: object) -> Html:
    """Join the children. None is left out; lists and iterators are joined recursively."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(html.escape(child))
        elif isinstance(child, Iterable):
            parts.append(join(*child))
        elif child is not None:
            parts.append(html.escape(str(child)))
    return Html("".join(parts))


def element(tag: str, *children: object, **attributes: object) -> Html:
    """An element. class_ means class, and data_unit data-unit. True makes an attribute without value; None and False make none."""
    words = [tag]
    for name, value in attributes.items():
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            words.append(name)
        elif value is not None and value is not False:
            words.append(f'{name}="{html.escape(str(value))}"')
    start = Html(f"<{' '.join(words)}>")
    return start if tag in VOID else Html(f"{start}{join(*children)}</{tag}>")


def table(caption: str, header: Sequence[object], rows: Iterable[Sequence[object]], text_columns: int = 1, class_: str | None = None) -> Html:
    """A table. The first columns are text, the others figures; th and td cells stay as they are. A table wider than the page scrolls."""
    def cells(row: Sequence[object]) -> Iterable[Html]:
        for place, cell in enumerate(row):
            if isinstance(cell, Html) and cell.startswith("<td"):
                yield cell
            else:
                yield element("th" if place == 0 else "td", cell, scope="row" if place == 0 else None, class_=None if place < text_columns else "figure")
    heads = (head if isinstance(head, Html) else element("th", head, scope="col", class_=None if place < text_columns else "figure")
             for place, head in enumerate(header))
    return element("div", element("table", element("caption", caption), element("thead", element("tr", heads)),
                                  element("tbody", (element("tr", cells(row)) for row in rows))),
                   class_=f"scroll {class_ or ''}".strip(), role="region", aria_label=caption, tabindex=0)


def wide(text: object, columns: int) -> Html:
    """A cell that spans several columns."""
    return element("td", text, colspan=columns, class_="missing")


def data(identifier: str, value: object) -> Html:
    """JSON for a script of the page. Its text cannot end the element."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
    return Html(f'<script type="application/json" id="{html.escape(identifier)}">{text}</script>')
