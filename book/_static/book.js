// Tables of numbers can be taken away as CSV, offline.
document.addEventListener("DOMContentLoaded", () => {
  const cell = text => (/[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  document.querySelectorAll("table.dataframe, .cell_output .scroll table").forEach((table, number) => {
    const link = document.createElement("a");
    link.textContent = "CSV";
    link.href = "#";
    link.download = `table-${number + 1}.csv`;
    link.addEventListener("click", () => {
      const rows = [...table.rows].map(row => [...row.cells].map(one => cell(one.textContent.trim())).join(","));
      link.href = URL.createObjectURL(new Blob([rows.join("\n") + "\n"], {type: "text/csv"}));
    });
    const line = document.createElement("p");
    line.className = "spectral-collapse-take";
    line.append(link);
    (table.closest(".scroll") || table).after(line);
  });
});

// A long table of claims can be read by verdict.
document.addEventListener("DOMContentLoaded", () => {
  const verdict = row => row.cells[3].textContent.split(",")[0];
  document.querySelectorAll("table.claims").forEach(table => {
    const bodies = [...table.tBodies].map(body => [body, [...body.rows].filter(row => row.cells.length > 3)]);
    const known = [...new Set(bodies.flatMap(([, rows]) => rows.map(verdict)))];
    if (bodies.length < 2) return;
    const label = document.createElement("label"), choice = document.createElement("select");
    choice.append(new Option("all", ""), ...known.map(name => new Option(name)));
    choice.addEventListener("change", () => bodies.forEach(([body, rows]) => {
      rows.forEach(row => { row.hidden = choice.value !== "" && verdict(row) !== choice.value; });
      body.hidden = rows.every(row => row.hidden);
    }));
    label.append("Verdict ", choice);
    table.before(label);
  });
});
