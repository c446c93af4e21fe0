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
