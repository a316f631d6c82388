"""A report as a browser reads it, and a study in which people have left something of every kind."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from synthetic import synthetic_study

from explorer.study.album import Album
from explorer.study.decisions import Decisions
from explorer.study.study import Study
from explorer.views.reasons import ranked_rows
from explorer.views.report.page import report_html

EMPTY = {"img", "meta", "br", "path", "line", "rect", "circle", "image", "use", "stop", "input"}


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, where they stand, and the text between them."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.texts, self.open = html, [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self):
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', self.html, re.S)[1])

    def part(self, name):
        """The text of one section."""
        inside = self.html.split(f'<section id="{name}"', 1)[1] if name != "summary" else self.html
        return Page(f"<section{inside.split('</section>', 1)[0]}</section>").text


def page_of(folder, **asked):
    return Page(report_html(Study.open(folder), **asked))


def numbers(text, kind):
    """Packed numbers of the data of the script."""
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def reported_study(folder: Path) -> Study:
    """A study with a saved view of every page, picked samples with neighbors, and decisions, two of them at odds."""
    study = Study.open(synthetic_study(folder, n=1200, classes=4))
    first, second, third = ranked_rows(study.samples["suspicion"].to_numpy())[:3].tolist()
    album, log = Album.open(study), Decisions.open(study)
    for page in ("map", "sample", "density", "denoising", "labels", "compare", "probe", "training", "guide"):
        album.save(name=f"The page {page}", note="What to say\nabout it", page=page, sample=first, filter="label=1|2")
    album.save(name="Zoomed in", page="map", color="soft_density", place=(0.0, 0.0, 60.0), who="Ada")
    album.pick(first, "look here", "Ada")
    album.pick(11)
    log.decide([first], "relabel", (int(study.samples["label"][first]) + 1) % 4, "plainly so", "Ada")
    log.decide([first], "drop", note="no label", who="Grace")
    log.decide([second], "keep", who="Ada")
    log.decide([third], "unsure", who="Grace")
    return study
