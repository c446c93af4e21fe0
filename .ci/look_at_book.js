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
    overflowing: charts.filter(c => c.scrollWidth > c.clientWidth + 1).length,
  };
})()
