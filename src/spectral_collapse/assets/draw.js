// Draws the charts of a page, in the reader's colours and to the width of the screen, and lets them be taken away.
// Charts that the page holds before this script arrives wait in a list, which is drawn then.
(function () {
  // Inks of the charts' theme -> the same on a dark page. Colours that carry data stay, but for black.
  const DARK = {
    "#222222": "#dddddd", "#555555": "#aaaaaa", "#777777": "#9a9a9a", "#e4e4e4": "#353c46", "#eeeeee": "#2b313a",
    "#000000": "#f2f2f2", black: "#f2f2f2", white: "#121212", "#ffffff": "#121212",
  };
  const NARROW = 560;  // pixels of room, below which charts beside each other are set under each other
  const LABELS = 100;  // pixels that the labels of an axis take up beside a panel
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
      if (typeof value === "string" && value.toLowerCase() in DARK) node[key] = DARK[value.toLowerCase()];
      else if (key === "range" && Array.isArray(value)) node[key] = value.map(one => DARK[one] || one);
    }
  }

  function narrow(node, room) {
    if ("hconcat" in node) { node.vconcat = node.hconcat; delete node.hconcat; }
    if (node.columns > 1 && ("concat" in node || "facet" in node)) node.columns = 1;
    const pictures = isObject(node.mark) && node.mark.type === "image";
    if (typeof node.width === "number" && !pictures) node.width = Math.min(node.width, Math.max(160, room - LABELS));
    if (isObject(node.legend)) Object.assign(node.legend, {columns: 1}, node.legend.orient === "right" && {orient: "bottom"});
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
    return (place.closest("article") || document.documentElement).clientWidth;
  }

  // The tables of a chart, rows as objects, without pictures.
  function tables(spec) {
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

  async function draw(chart) {
    try {
      const spec = suited(chart.spec, room(chart.place));
      if (chart.view) chart.view.finalize();
      chart.view = (await vegaEmbed(chart.place, spec, {actions: false, renderer: "svg"})).view;
      chart.place.dataset.drawn = "yes";
    } catch (error) {
      chart.place.textContent = "This chart could not be drawn: " + error;
    }
  }

  async function add([id, spec]) {
    const place = document.getElementById(id);
    if (!place) return;
    const chart = {place, spec};
    drawn.push(chart);
    await draw(chart);
    if (chart.view) takeAway(chart);
  }

  const waiting = window.spectralCollapseCharts || [];
  window.spectralCollapseCharts = {push: add, csv: id => tables(drawn.find(one => one.place.id === id).spec).map(csv)};
  waiting.forEach(add);

  let theme = document.documentElement.dataset.theme;
  let narrowed = window.innerWidth < NARROW;
  function again() {
    const now = [document.documentElement.dataset.theme, window.innerWidth < NARROW];
    if (now[0] === theme && now[1] === narrowed) return;
    [theme, narrowed] = now;
    drawn.forEach(chart => { chart.place.dataset.drawn = ""; draw(chart); });
  }
  new MutationObserver(again).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  window.addEventListener("resize", again);
})();
