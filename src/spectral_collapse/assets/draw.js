// Draws the charts of a page, in the reader's colours and to the width of the screen, and lets them be taken away.
// Charts that the page holds before this script arrives wait in a list, which is drawn then.
(function () {
  // Inks of the charts' theme -> the same on a dark page. Colours that carry data stay, but for black.
  const DARK = {
    "#222222": "#dddddd", "#555555": "#aaaaaa", "#777777": "#9a9a9a", "#e4e4e4": "#353c46", "#eeeeee": "#2b313a",
    "#000000": "#f2f2f2", black: "#f2f2f2", white: "#121212", "#ffffff": "#121212",
  };
  const NARROW = 560;  // pixels of room, below which charts beside each other are set under each other
  const LABELS = 100, AXIS = 70;  // pixels that labels of an axis take up beside a panel; an axis of numbers
  const LEAST = 104, FRAME = 18;  // pixels of a picture with its frame at least; of a chart around them
  const drawn = [];

  const isObject = value => value !== null && typeof value === "object";
  const clone = value => JSON.parse(JSON.stringify(value));

  // Calls a function with every object of a specification that is not data.
  function walk(node, visit) {
    if (!Array.isArray(node)) visit(node);
    for (const [key, value] of Object.entries(node)) {
      if (isObject(value) && key !== "datasets" && !(key === "data" && "values" in value)) walk(value, visit);
    }
  }

  function darken(node) {
    if ("condition" in node) return;  // ink on a coloured cell
    for (const [key, value] of Object.entries(node)) {
      if (key === "field" || key === "as") continue;  // a column may be called white
      if (typeof value === "string" && value.toLowerCase() in DARK) node[key] = DARK[value.toLowerCase()];
      else if (key === "range" && Array.isArray(value)) node[key] = value.map(one => DARK[one] || one);
    }
  }

  const isPicture = node => node.layer ? isPicture(node.layer[0]) : isObject(node.mark) && node.mark.type === "image";

  // Pictures, which `charts.pictures` lays out: two columns at least, as large as there is room for.
  function fewer(grid, room) {
    const {spec} = grid, [picture, under] = spec.layer || [spec], {y, x} = picture.encoding;
    const free = room - (y.axis === null ? AXIS : LABELS) - FRAME;
    const columns = Math.max(2, Math.floor(free / spec.width));
    const side = Math.min(spec.width, Math.max(LEAST, Math.floor(free / columns)));
    grid.columns = Math.min(grid.columns, columns);
    spec.height *= side / spec.width;
    spec.width = side;
    picture.mark.width = picture.mark.height = side - 4;
    x.value = side / 2;
    if (under) Object.assign(under.encoding, {x: {value: side / 2}, y: {value: spec.height + 9}});
  }

  function narrow(node, room) {
    if ("facet" in node && isPicture(node.spec)) fewer(node, room);
    else if (node.columns > 1 && ("concat" in node || "facet" in node)) {
      const panel = isObject(node.spec) && node.spec.width || room;
      node.columns = Math.max(1, Math.floor((room - AXIS - FRAME) / panel));
    }
    if ("hconcat" in node) { node.vconcat = node.hconcat; delete node.hconcat; }
    if (typeof node.width === "number" && !isPicture(node)) node.width = Math.min(node.width, Math.max(160, room - LABELS));
    if (isObject(node.legend)) Object.assign(node.legend, {columns: 1}, node.legend.orient === "right" && {orient: "bottom"});
  }

  // Makes a specification that is drawn too wide narrower, by about a factor: its legend, slightly narrower panels, or
  // fewer of them to a row, unless a row has five: then each column has a meaning. Pictures stay as large as they are.
  function tighten(spec, factor, legend) {
    const found = {rows: [], panels: [], legends: []};
    walk(spec, node => {
      if (node.columns > 1 && ("concat" in node || "facet" in node)) found.rows.push(node);
      if (typeof node.width === "number" && ("mark" in node || "layer" in node) && !isPicture(node)) found.panels.push(node);
      if (isObject(node.legend) && node.legend.columns > 1) found.legends.push(node.legend);
    });
    const small = factor > 1.3 || found.panels.some(one => one.width / factor < 150);
    if (legend) found.legends.forEach(one => { one.columns -= 1; });
    else if (found.rows.some(one => (small && one.columns < 5) || (one.spec && isPicture(one.spec)))) {
      found.rows.forEach(one => { one.columns = Math.max(1, Math.min(one.columns - 1, Math.floor(one.columns / factor))); });
    } else found.panels.forEach(one => { one.width = Math.max(50, Math.floor(one.width / factor - 4)); });
  }

  // The specification as it is drawn here and now.
  function suited(spec, room) {
    const own = clone(spec);
    if (document.documentElement.dataset.theme === "dark") {
      walk(own, darken);
      own.config = own.config || {};
      for (const mark of ["text", "rule"]) own.config[mark] = {color: DARK["#222222"], ...own.config[mark]};
    }
    if (room < NARROW) walk(own, node => narrow(node, room));
    return own;
  }

  function room(place) {
    return place.clientWidth || document.documentElement.clientWidth;
  }

  // The tables of a chart, rows as objects, without pictures; none before it is unpacked.
  function tables(spec = {}) {
    const found = Object.values(spec.datasets || {});
    walk(spec, node => { if (isObject(node.data) && Array.isArray(node.data.values)) found.push(node.data.values); });
    const picture = value => typeof value === "string" && value.startsWith("data:");
    return found
      .map(rows => rows.filter(isObject).map(row => Object.fromEntries(Object.entries(row).filter(([, value]) => !picture(value)))))
      .filter(rows => rows.length > 1 || found.length === 1);
  }

  function csv(rows) {
    const columns = [...new Set(rows.flatMap(row => Object.keys(row)))];
    const cell = value => {
      const text = value === null || value === undefined ? "" : String(value);
      return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
    };
    return [columns.map(cell), ...rows.map(row => columns.map(name => cell(row[name])))].map(row => row.join(",")).join("\n") + "\n";
  }

  function link(text, file, content) {
    const element = document.createElement("a");
    element.href = "#";
    element.textContent = text;
    element.download = file;
    element.addEventListener("click", async event => {
      if (element.href.startsWith("blob:") || element.href.startsWith("data:")) return;
      event.preventDefault();
      element.href = await content();
      element.click();
      setTimeout(() => { element.href = "#"; }, 1000);
    });
    return element;
  }

  function takeAway(chart) {
    const figure = chart.place.closest("[id^=fig-]");
    const name = figure ? figure.id : `chart-${drawn.indexOf(chart) + 1}`;
    const found = tables(chart.spec);
    const line = document.createElement("p");
    line.className = "spectral-collapse-take";
    line.append(
      ...found.map((rows, number) => {
        const count = found.length > 1 ? `-${number + 1}` : "";
        return link(`CSV${count.replace("-", " ")}`, `${name}${count}.csv`,
          () => URL.createObjectURL(new Blob([csv(rows)], {type: "text/csv"})));
      }),
      link("SVG", `${name}.svg`, () => chart.view.toImageURL("svg")),
      link("PNG", `${name}.png`, () => chart.view.toImageURL("png", 2)),
    );
    chart.place.after(line);
  }

  // One drawing after the other: of two at once, in another theme each, the earlier might be what stays.
  function draw(chart) {
    chart.place.dataset.drawn = "";
    chart.waiting = (chart.waiting || 0) + 1;
    chart.last = (chart.last || Promise.resolve()).then(() => drawOnce(chart));
    return chart.last;
  }

  async function drawOnce(chart) {
    chart.waiting -= 1;
    try {
      chart.spec = chart.spec || await unpacked(chart.packed);
      const spec = suited(chart.spec, room(chart.place));
      chart.tight = false;
      for (let turn = 0; turn < 5; turn += 1) {
        if (chart.view) chart.view.finalize();
        chart.view = (await vegaEmbed(chart.place, spec, {actions: false, renderer: "svg"})).view;
        const free = chart.room = chart.place.clientWidth;
        const wide = [...chart.place.querySelectorAll(".role-legend")].some(one => one.getBoundingClientRect().width > free);
        if (chart.place.scrollWidth <= free + 1) break;
        tighten(spec, chart.place.scrollWidth / free, wide);
        chart.tight = true;
      }
      if (chart.place.scrollWidth > chart.room + 1) chart.place.setAttribute("tabindex", "0");  // a keyboard can scroll it
      else chart.place.removeAttribute("tabindex");
      if (!chart.waiting) chart.place.dataset.drawn = "yes";
    } catch (error) {
      chart.place.textContent = "This chart could not be drawn: " + error;
    }
  }

  // A specification from its JSON, compressed, as base64.
  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), one => one.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  }

  async function add([id, packed]) {
    const place = document.getElementById(id);
    if (!place) return;
    const chart = {place, packed};
    drawn.push(chart);
    await draw(chart);
    if (chart.view) takeAway(chart);
  }

  const waiting = window.spectralCollapseCharts || [];
  const chart = id => drawn.find(one => one.place.id === id);
  window.spectralCollapseCharts = {push: add, chart, csv: id => tables(chart(id).spec).map(csv)};
  waiting.forEach(add);

  let theme = document.documentElement.dataset.theme;
  let narrowed = window.innerWidth < NARROW;
  function again() {
    const now = [document.documentElement.dataset.theme, window.innerWidth < NARROW];
    const other = now[0] !== theme || now[1] !== narrowed;
    [theme, narrowed] = now;
    drawn.filter(chart => other || chart.place.clientWidth < chart.room || (chart.tight && chart.place.clientWidth > chart.room))
      .forEach(draw);
  }
  let waits = 0;
  new MutationObserver(again).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  window.addEventListener("resize", () => { clearTimeout(waits); waits = setTimeout(again, 100); });
})();
