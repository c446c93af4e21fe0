"""A diagnosis as one page that needs nothing else: no network, no other file, light and dark."""

from __future__ import annotations

import json
import math
from html import escape
from typing import NamedTuple

import altair as alt
import pandas as pd
import xarray as xr

from spectral_collapse import statistics, vega
from spectral_collapse.charts import lines, pictures, spectra, tables, theme
from spectral_collapse.diagnosis.diagnose import DRAWN, GIVEN, TRUE, WHITE
from spectral_collapse.diagnosis.verdict import ENERGY, HALF, Verdict
from spectral_collapse.findings import intervals
from spectral_collapse.findings.benchmark import called
from spectral_collapse.findings.cells import Page
from spectral_collapse.findings.measured import number, said
from spectral_collapse.statistics import POSITIVE

_STYLE = """
:root{--back:#fff;--ink:#1c1f23;--soft:#555;--line:#ddd;--code:#f4f5f7;--link:#0b5cad}
:root[data-theme=dark]{--back:#121212;--ink:#e4e4e4;--soft:#aaa;--line:#353c46;--code:#1f242b;--link:#7db8f0}
:root{--pst-color-background:var(--back);--pst-color-text-base:var(--ink);--pst-color-text-muted:var(--soft);
--pst-color-border:var(--line)}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.55 Helvetica Neue,Helvetica,Arial,sans-serif}
article{max-width:880px;margin:0 auto;padding:1.2rem 1rem 3rem}
h1{font-size:1.5rem;line-height:1.25;margin:.3em 0}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}
.meta,figcaption,.caption{color:var(--soft);font-size:.88rem}
.answer{border-left:4px solid var(--mark);padding:.1rem 1rem;margin:1rem 0;
background:var(--code)}.answer p{margin:.5rem 0}.answer p:first-child{font-weight:600}
pre{background:var(--code);padding:.7rem;white-space:pre-wrap;
overflow-wrap:anywhere;font-size:.85rem}figure{margin:.8rem 0}a{color:var(--link)}
.spectral-collapse-chart{overflow-x:auto}.spectral-collapse-chart svg{max-width:none}
.spectral-collapse-chart.vega-embed{display:block}.spectral-collapse-take{margin:.2rem 0 .8rem;font-size:.8rem;
text-align:right}.spectral-collapse-take a{margin-left:.8em}
a:focus-visible,button:focus-visible,summary:focus-visible,[tabindex]:focus-visible,input:focus-visible
{outline:2px solid var(--link)!important}
"""
_THEME = """
(() => { const dark = matchMedia("(prefers-color-scheme: dark)");
  const set = () => { document.documentElement.dataset.theme = dark.matches ? "dark" : "light"; };
  dark.addEventListener("change", set); set(); })();
"""
_MARKS = {True: "#d55e00", False: "#009e73", None: "#e69f00"}


class Figure(NamedTuple):
    """A figure of the page: its heading, the chart, and what it shows."""

    title: str
    chart: alt.TopLevelMixin
    caption: str


def figures(study: xr.Dataset) -> list[Figure]:
    """Pictures, latents and spectra of a diagnosis (`diagnose`)."""
    theme.enable()
    shown = [str(name) for name in study["shown"].values]
    columns = {_wrapped(str(name)): study["picture"].sel(output=name).to_numpy() for name in study["output"].values}
    if "target_picture" in study:
        columns["True|target"] = study["target_picture"].to_numpy()
    latents = {
        _wrapped(str(name)): study["latent_picture"].sel(series=name).to_numpy() for name in study["series"].values
    }
    return [
        Figure(
            "Pictures",
            pictures.grid(columns, shown, "Sources, what each method makes of them, and samples of white noise"),
            "Columns: the source, what each method makes of it, what the model makes of white noise"
            f"{', and the true target' if 'target_picture' in study else ''}. Large images: their middle.",
        ),
        Figure(
            "Latents",
            pictures.grid(latents, shown, "White noise and the latents of each method as colours"),
            "The first three channels as colours, black to white from -3 to 3. White noise shows nothing of the image.",
        ),
        Figure(
            "Spectra of the latents",
            spectra.method_spectra(intervals.means(study["latent_power"], bounds=POSITIVE, title="latents")),
            "Mean power over images with 95 % intervals; white noise has 1 at every frequency.",
        ),
        Figure("Spectra of the images", _image_spectra(study), "Mean power over images with 95 % intervals."),
    ]


def table(study: xr.Dataset) -> Page:
    """All numbers of a diagnosis, a row for each method and one for white noise."""
    verdict, rows = Verdict(study), {}
    for name in (WHITE, *map(str, study["method"].values)):
        row = {"collapses": "-" if name == WHITE else {True: "no", False: "yes", None: "open"}[verdict.white(name)]}
        row |= {
            "power, high": number(verdict.power(name), 2),
            "S_DC": number(verdict.s_dc(name), 2),
            "norm": number(verdict.norm(name), 2),
            "energy / reference": number(verdict.energy(DRAWN if name == WHITE else name), 2),
        }
        if name != WHITE:
            own = study.sel({"method": name})
            row |= {"off by a factor of": f"{math.exp(verdict.distance(name)):.2g}"} if study.attrs["paired"] else {}
            row |= {
                "S_LF to source": number(statistics.bootstrap_mean(own["s_lf"]), 2),
                "s / image": f"{float(own['seconds']):.2g}",
                "calls": str(int(own["network_calls"])),
            }
        rows[name + " (recommended)" * (name == verdict.recommended)] = row
    return tables.plain(
        pd.DataFrame.from_dict(rows, orient="index").fillna("-").rename_axis("latents of"),
        1,
        "Means over images with 95 % intervals. White noise is random numbers, for comparison; its energy is that of "
        "the images that the model makes of it. Off by a factor of: the energy over its true target's, image by image, "
        "too little or too much alike.",
    )


def commands(study: xr.Dataset, model: str = "MODEL", images: str = "IMAGES", target: str = "") -> str:
    """The command lines that use the recommended method, or that look further where there is none.

    model, images, target: how the command line names them; '' for no target.
    """
    verdict, about = Verdict(study), study.attrs
    guidance = f" --guidance {about['guidance']:g}" if about["guidance"] != 1 else ""
    if not verdict.recommended:
        known = f" --target {target}" if target else ""
        steps = max(50, 2 * int(about["num_steps"]))
        return f"spectral-collapse diagnose {model} {images}{known} --output all --all --steps {steps}{guidance}"
    options = json.loads(about["options"])[verdict.recommended]
    return (
        f"spectral-collapse translate {model} {images} --output translated {options} --steps {about['num_steps']}"
        f"{guidance}\nspectral-collapse score translated --source {images} --target {target or 'TARGETS'}"
    )


def page(study: xr.Dataset, model: str = "MODEL", images: str = "IMAGES", target: str = "") -> str:
    """The page of a diagnosis (`diagnose`) as HTML. model, images, target: as `commands` takes them."""
    verdict, about = Verdict(study), study.attrs
    shown = "".join(
        f"<h2>{escape(title)}</h2><figure>{vega.as_html(chart.to_dict())}<figcaption>{escape(caption)}</figcaption>"
        "</figure>"
        for title, chart, caption in figures(study)
    )
    notes = f"<p class=meta>{escape(said(about['notes']))}</p>" if about["notes"] else ""
    answer = "".join(f"<p>{escape(sentence)}</p>" for sentence in verdict.sentences())
    script = vega.javascript().replace("</script", "<\\/script")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(said(about["title"]))}</title>'
        f"<style>{_STYLE}</style><script>{_THEME}</script></head><body><article>"
        f"<h1>Does {escape(said(model))} collapse?</h1>"
        f"<p class=meta>{study.sizes['sample']} images of {about['size']} pixels, latents of {about['latent']}, "
        f"{about['num_steps']} steps, guidance {about['guidance']:g}; compared with {escape(about['reference'])}.</p>"
        f'<div class=answer style="--mark:{_MARKS[verdict.collapses]}">{answer}</div>{notes}'
        f"<h2>{'Use it' if verdict.recommended else 'Look further'}</h2>"
        f"<pre>{escape(commands(study, model, images, target))}</pre>{shown}"
        f"<h2>All numbers</h2>{table(study).html}"
        f"<h2>What the numbers cannot say</h2>{_LIMITS}</article><script>{script}</script></body></html>\n"
    )


_LIMITS = f"""<ul>
<li>The bounds are conventions: latents collapse below {HALF:g} of white noise's power at high frequencies (above
half the Nyquist frequency) or of its S_DC; images lose detail below {1 / ENERGY:g} of the energy that they are compared
with. A bound is crossed where the whole 95 % interval is beyond it, and intervals are over these images alone. Steps
of finite length cost some power too: real images of the target domain, inverted, have less than 1.</li>
<li>Energy at high frequencies says how much detail there is, not whether it is the right one or in its place, nor how
it looks. Samples of white noise are the model's own idea of the target: where it was trained badly, they are no
measure.</li>
<li>Methods have their default settings, and one draw of their noise. More steps, other settings and other images may
order them otherwise; seconds are of this machine.</li>
<li>S_LF says whether an image keeps the coarse structure of its source; a translation that should change it scores low
and is right.</li>
</ul>"""


def _image_spectra(study: xr.Dataset) -> alt.Chart:
    power = study["image_power"].rename(output="series", image_frequency="frequency")
    powers = [intervals.means(power, bounds=POSITIVE)]
    if "target_power" in study:
        targets = study["target_power"].rename(image_frequency="frequency")
        powers.append(intervals.means(targets, "reference", POSITIVE).assign(series=TRUE))
    table = pd.concat(powers, ignore_index=True)
    methods = study["method"].values  # first: each looks as it does among the latents
    looks = lines.looks([*methods, *table["series"].unique()])
    chart = spectra.radial(table, {name: (name, look) for name, look in looks.items()}, "power (log scale)")
    return chart.properties(description="Radial spectra of sources, outputs and what they are compared with")


def _wrapped(name: str) -> str:
    """A name in up to three lines, as the heads of columns have them."""
    method, *more = name.split(", ")
    return {GIVEN: "source", DRAWN: "white noise,|sampled"}.get(name, ",|".join([called(method), *more]))
