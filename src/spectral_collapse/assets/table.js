(() => {
  const root = document.getElementById("ID"), table = root.querySelector("table"), body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells], frame = root.querySelector(".scroll");
  // What scrolls fades out at the right, until its end is in sight.
  const fade = () => frame.classList.toggle("more", frame.scrollWidth - frame.clientWidth - frame.scrollLeft > 4);
  frame.addEventListener("scroll", fade);
  new ResizeObserver(fade).observe(frame);
  const key = (row, place) => row.cells[place].dataset.sort;
  heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "descending";
    heads.forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "ascending" : "descending");
    const sign = down ? 1 : -1;
    [...body.rows].sort((one, other) => {
      const a = key(one, place), b = key(other, place);
      if (a === "" || b === "") return (a === "") - (b === "");
      const numbers = !isNaN(a) && !isNaN(b);
      return sign * (numbers ? a - b : a.localeCompare(b));
    }).forEach(row => body.append(row));
  }));
  root.querySelectorAll("input").forEach(box => {
    const show = () => [...table.rows].forEach(row => { row.cells[box.value].hidden = !box.checked; });
    box.addEventListener("change", show);
    show();
  });
  root.querySelectorAll("select").forEach(choice => choice.addEventListener("change", () =>
    [...body.rows].forEach(row => {
      row.hidden = choice.value !== "" && key(row, choice.dataset.column) !== choice.value;
    })));
})();
