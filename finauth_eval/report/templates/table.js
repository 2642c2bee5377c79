"use strict";
// Sorts and filters tables that are complete without it. Its words are in data-filter and data-shown of the card around
// a table. Texts are only ever set as text.
for (const card of document.querySelectorAll(".sortable")) {
  const table = card.querySelector("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    const data = cell.querySelector("data");
    const words = (data ? data.value : cell.textContent).trim();
    return heads[column].classList.contains("n") ? Number(words.replaceAll(",", "")) : words;
  };
  const order = (a, b) => typeof a === "number"
    ? (Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b)
    : a < b ? -1 : a > b ? 1 : 0;

  const status = document.createElement("p");
  status.className = "small";
  status.setAttribute("role", "status");

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent.trim();
    const mark = document.createElement("span");
    mark.setAttribute("aria-hidden", "true");
    mark.textContent = " ↕";
    button.append(mark);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) {
        other.removeAttribute("aria-sort");
        other.querySelector("span").textContent = " ↕";
      }
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      mark.textContent = down ? " ↓" : " ↑";
      const keyed = rows.map((row) => [value(row, column), row]);
      keyed.sort((a, b) => (down ? -1 : 1) * order(a[0], b[0]));
      body.append(...keyed.map((pair) => pair[1]));
    });
  });

  const label = document.createElement("label");
  label.textContent = `${card.dataset.filter} `;
  const field = document.createElement("input");
  field.type = "search";
  field.autocomplete = "off";
  field.spellcheck = false;
  label.append(field);
  const texts = rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join(" ").toLowerCase());
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, k) => {
      row.hidden = !words.every((word) => texts[k].includes(word));
      shown += row.hidden ? 0 : 1;
    });
    status.textContent = card.dataset.shown.replace("{shown}", shown).replace("{all}", rows.length);
  };
  field.addEventListener("input", filter);
  filter();
  const tools = document.createElement("div");
  tools.className = "tools";
  tools.append(label, status);
  card.prepend(tools);
}
