"""The store of study results: one netCDF file per study and set of parameters, under `paths.results()`.

A study hands over one xarray.Dataset and gets the same one back. The schema, whatever the study:

- every dimension has a coordinate; dimensions have plain names (point, seed, sample, row, ...);
- every data variable carries `long_name` and `units` ('1' for a dimensionless number);
- attrs: `study`; `parameters`, the JSON of everything that changes the values (among it the hash of the checkpoint, the
  fingerprint of the data and the hash of the computing source files); `data_source` ('real' or 'rendered') and
  `origin`, one sentence for captions; `checkpoint_hash`; `versions`, JSON of package versions; `device`; `seconds` of
  computing; `git_revision` ('' outside a checkout); `created`, UTC; `withheld`, one sentence, if an included result
  lacks pictures of its data because the data's terms do not allow their publication.

The Pareto study, for example, prints as::

    <xarray.Dataset> Size: 3MB
    Dimensions:      (point: 18, seed: 3, sample: 24, reference: 2, shown: 6, row: 64, col: 64, rgb: 3)
    Coordinates:
      * point        (point) <U21 'standard' 'TABA 0.02' ... 'OVG (1000, 0.01)' 'OVG + TABA 0.04'
        method       (point) <U8 'standard' 'taba' ... 'ovg' 'ovg+taba'
        eta_hf       (point) float64 nan nan ... 1e+03 1e+03
        eta_lf       (point) float64 nan nan ... 0.01 0.0001
        fraction     (point) float64 nan 0.02 ... nan 0.04
        stochastic   (point) bool False True ... False True
      * seed         (seed) int64 0 1 2
      * sample       (sample) <U12 'astronaut-03' ...
      * reference    (reference) <U11 'target' 'autoencoder'
    Data variables:
        s_hf         (point, seed, sample) float64 0.91 ...
        s_lf         (point, seed, sample) float64 0.87 ...
        s_dc         (point, seed, sample) float64 0.74 ...
        psnr         (point, seed, sample) float64 21.3 ...
        s_g          (point, seed) float64 0.96 ...
        image        (point, shown, row, col, rgb) uint8 203 ...
    Attributes:
        study:       pareto
        parameters:  {"checkpoint": "5f0c...", "code": "77ab...", "dataset": "photos_x8", ...}

Files have names that a person can read, `pareto-photos_x8-quick-1f0c9a3e.nc`: study, data set, profile and the first
eight digits of the key. A file is replaced as a whole or not at all: a full disk or an interrupt leaves the earlier
result as it was. While a long study runs, its finished parts are stored beside the results in a folder of their own
(`store.parts`), and an interrupted study continues from them.

What the book shows is included in `paths.shipped()`, which is in git: the same files packed by xz, `NAME.nc.xz`
(`ship`). The store looks for a result there first. Nothing but `make results` writes these files.

With SPECTRAL_COLLAPSE_FRESH, a time in seconds since 1970, whatever was stored or cached before then is ignored.
"""

from __future__ import annotations

from spectral_collapse.store.packing import attributes, encode, read
from spectral_collapse.store.results import (
    FRESH,
    SCHEMA,
    canonical,
    computing_versions,
    describe,
    get,
    load,
    parameters,
    path,
    provenance,
    result,
    save,
    ship,
    shipped,
    stored,
    where,
)

__all__ = [
    "FRESH", "SCHEMA", "attributes", "canonical", "computing_versions", "describe", "encode", "get", "load",
    "parameters", "path", "provenance", "read", "result", "save", "ship", "shipped", "stored", "where",
]  # fmt: skip
