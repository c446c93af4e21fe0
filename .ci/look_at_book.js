// What a page looks like, as the browser sees it; an expression, evaluated by look_at_book.py.
(() => {
  const charts = [...document.querySelectorAll(".spectral-collapse-chart")];
  const luminance = color => {
    const [r, g, b] = color.match(/[\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const page = luminance(getComputedStyle(document.body).backgroundColor);
  const seen = chart => [...chart.querySelectorAll("svg text")].filter(t => t.textContent.trim() && t.getClientRects().length
    && getComputedStyle(t).opacity > 0.5);
  const cells = chart => chart.querySelector(".mark-rect path[fill]:not([fill=none])");
  const contrast = text => {
    const ink = luminance(getComputedStyle(text).fill);
    return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
  };
  // Text of the page itself against what lies behind it; the inks of code are the theme's.
  const behind = e => {
    const found = getComputedStyle(e).backgroundColor;
    const clear = /^rgba\(.*, 0(\.\d+)?\)$/.test(found);
    return !clear ? found : e.parentElement ? behind(e.parentElement) : getComputedStyle(document.body).backgroundColor;
  };
  const words = [...document.querySelectorAll("article *")].filter(e => !e.closest("svg, pre, script, style, math")
    && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.checkVisibility({checkVisibilityCSS: true, checkOpacity: true}));
  const against = e => {
    const [one, other] = [luminance(getComputedStyle(e).color), luminance(behind(e))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  };
  const faint = words.filter(e => against(e) < 4.5);
  // What a keyboard reaches, one of each kind, and whether it then looks any different.
  const kind = e => e.tagName.toLowerCase() + [...e.classList].map(name => "." + name).join("");
  const kinds = new Map([...document.querySelectorAll("article :is(a[href], button, input, select, summary, [tabindex='0'])")]
    .filter(e => e.checkVisibility({checkVisibilityCSS: true}) && !e.closest("pre")).map(e => [kind(e), e]));
  const looks = e => ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "textDecoration", "backgroundColor", "borderColor"]
    .map(name => getComputedStyle(e)[name]).join();
  const unseen = [...kinds].filter(([, e]) => {
    const before = looks(e);
    e.focus({preventScroll: true, focusVisible: true});
    const same = looks(e) === before && document.activeElement === e;
    const missed = document.activeElement !== e;
    e.blur();
    return same || missed;
  }).map(([name]) => name);
  // What Vega drew: of each plot its marks, without the lines at fixed numbers where there is anything else.
  const finite = (...numbers) => numbers.every(n => n === undefined || Number.isFinite(n));
  const within = (item, plot) => finite(item.x, item.y) && item.x >= -1 && item.x <= plot.width + 1 && item.y >= -1 && item.y <= plot.height + 1;
  function plots(mark, found = []) {
    for (const plot of mark.marktype === "group" ? mark.items : []) {
      const own = (plot.items || []).filter(m => m.marktype !== "group" && m.role === "mark");
      const data = own.filter(m => m.marktype !== "rule");
      const nested = (plot.items || []).filter(m => m.marktype === "group" && m.role !== "axis" && m.role !== "legend");
      const paths = nested.flatMap(m => m.name && m.name.includes("pathgroup") ? m.items.flatMap(one => one.items) : []);
      if (own.length + paths.length) found.push({plot, marks: data.length + paths.length ? [...data, ...paths] : own});
      nested.filter(m => !(m.name && m.name.includes("pathgroup"))).forEach(m => plots(m, found));
    }
    return found;
  }
  const shown = c => (window.spectralCollapseCharts.chart(c.id) || {}).view;
  const cellsOf = c => shown(c) ? plots(shown(c).scenegraph().root) : [];
  const empty = charts.map(c => [c, cellsOf(c).filter(({plot, marks}) => plot.width > 20 && plot.height > 20
    && !marks.some(m => m.items.some(item => within(item, plot)))).length]).filter(([, count]) => count);
  // Rows with a mean that no mark shows: those of charts without controls, which leave rows out on purpose.
  const has = (node, key) => node !== null && typeof node === "object" && (key in node || Object.entries(node).some(([name, one]) => name !== "datasets" && has(one, key)));
  const lost = c => {
    const {spec, view} = window.spectralCollapseCharts.chart(c.id) || {};
    if (!view || has(spec, "params") || has(spec, "sample")) return 0;
    if (JSON.stringify({...spec, datasets: null}).includes('"clip":true')) return 0;  // its caption says where it ends
    const drawn = new Set(cellsOf(c).flatMap(({plot, marks}) => marks.filter(m => m.marktype !== "area")
      .flatMap(m => m.items.filter(item => item.defined !== false && within(item, plot)).map(item => item.datum || {}))
      .map(datum => JSON.stringify([datum.mean, datum.series, datum.panel]))));
    return Object.values(spec.datasets || {}).flat()
      .filter(row => typeof row.mean === "number" && !drawn.has(JSON.stringify([row.mean, row.series, row.panel]))).length;
  };
  const name = c => (c.getAttribute("aria-label") || c.id).slice(0, 60);
  const scale = t => t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width;
  const least = values => values.length ? Math.min(...values) : null;
  return {
    theme: document.documentElement.dataset.theme,
    drawn: charts.filter(c => c.dataset.drawn === "yes" && c.querySelector("svg")).length,
    charts: charts.length,
    failed: charts.filter(c => c.textContent.startsWith("This chart could not")).map(c => c.textContent.slice(0, 200)),
    room: document.documentElement.clientWidth,
    width: Math.max(document.documentElement.scrollWidth, document.body.scrollWidth),
    wider: [...document.querySelectorAll("article *")]
      .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
        && !e.closest(".spectral-collapse-chart, .text_html, .pst-scrollable-table-container, div.math, pre, .scroll"))
      .slice(0, 3).map(e => e.tagName + "." + e.className),
    undescribed: [...charts.filter(c => (c.getAttribute("aria-label") || "").length < 20),
      ...[...document.querySelectorAll("article img")].filter(i => !i.alt)].length,
    text: least(charts.flatMap(seen).map(t => parseFloat(getComputedStyle(t).fontSize) * scale(t))),
    picture: least(charts.flatMap(c => [...c.querySelectorAll("svg image")])
      .map(i => Math.max(i.getBoundingClientRect().width, i.getBoundingClientRect().height))),
    smooth: charts.flatMap(c => [...c.querySelectorAll("svg image")])
      .filter(i => getComputedStyle(i).imageRendering !== "pixelated").length,
    contrast: least(charts.filter(c => !cells(c)).flatMap(seen).map(contrast)),
    tables: charts.map(c => window.spectralCollapseCharts.csv(c.id))
      .filter(found => !found.length || found.some(text => text.split("\n").length < 3 || text.includes("data:image"))).length,
    faint: faint.slice(0, 3).map(e => `${kind(e)} ${against(e).toFixed(1)}`),
    unseen: unseen.slice(0, 5),
    empty: empty.map(([c, count]) => `${name(c)}: ${count}`),
    lost: charts.map(c => [c, lost(c)]).filter(([, count]) => count).map(([c, count]) => `${name(c)}: ${count}`),
    overflowing: charts.filter(c => c.scrollWidth > c.clientWidth + 1).length,
  };
})()
