"""A Sphinx extension: where a word of the glossary first stands on a page, it leads to its definition.

The first sentence of the definition shows when the pointer rests on the word. It takes no script, and no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

CLASS = "glossary-word"
_PROSE = (nodes.paragraph, nodes.list_item)
_NOT_PROSE = (
    *(nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.title, nodes.caption),
    *(nodes.entry, nodes.term, nodes.raw, nodes.FixedTextElement, addnodes.pending_xref),
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension."""
    app.add_post_transform(FirstUses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class FirstUses(SphinxPostTransform):
    """Turns the first use of each word, in a page's paragraphs, into a link to the glossary."""

    default_priority = 900  # when all other references are links
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Changes the page in place. Glossaries themselves stay as they are."""
        if any(self.document.findall(addnodes.glossary)) or not (words := dict(self._words())):
            return
        listed = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        wanted = re.compile(rf"(?<![\w-])({listed})(?:e?s)?(?![\w-])", re.IGNORECASE)  # in the plural too
        for text in [one for one in self.document.findall(nodes.Text) if _is_prose(one)]:
            parts: list[nodes.Node] = []
            end = 0
            for match in wanted.finditer(text):
                first, rest = match[1][0], match[1][1:]
                # names have their capitals, other words may have one
                uri, definition = words.get(first + rest) or words.get(first.lower() + rest) or ("", "")
                if not uri:
                    continue
                words = {name: found for name, found in words.items() if found[0] != uri}
                link = nodes.reference("", match[0], internal=True, refuri=uri, reftitle=definition, classes=[CLASS])
                parts += [nodes.Text(text[end : match.start()]), link]
                end = match.end()
            if parts:
                text.parent.replace(text, [*parts, nodes.Text(text[end:])])

    def _words(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The words of all glossaries, each with the address and the first sentence of its definition."""
        terms = {place for (kind, _), place in self.env.domaindata["std"]["objects"].items() if kind == "term"}
        for page in {page for page, _ in terms}:
            address = self.app.builder.get_relative_uri(self.env.docname, page)
            for item in self.env.get_doctree(page).findall(nodes.definition_list_item):
                definition = item[-1].deepcopy()
                for citation in list(definition.findall(addnodes.pending_xref)):
                    citation.parent.remove(citation)
                text = re.sub(r"\s+(?=[.;:,\s])", "", definition.astext().replace("\n", " "))
                explained = re.match(r".*?[.](?= [A-Z]|$)|.*", text)[0]  # the first sentence
                for term in item.findall(nodes.term):
                    for word in term.astext().split(", "):
                        yield word, (f"{address}#{term['ids'][0]}", explained)


def _is_prose(text: nodes.Text) -> bool:
    above: list[nodes.Node] = []
    node = text.parent
    while node is not None:
        above.append(node)
        node = node.parent
    return any(isinstance(one, _PROSE) for one in above) and not any(isinstance(one, _NOT_PROSE) for one in above)
