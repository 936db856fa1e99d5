"use strict";
// Without this script all is there to read; it sorts, filters and opens what a link leads to.

const BY_NAME = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** The words of a cell; beside a name there may be others, for narrow screens. */
const nameIn = (cell) => cell.dataset.name ?? cell.textContent.trim();

/** What a cell is sorted by: a number, NaN where there is none, or words. */
const valueOf = (cell, numbers) => (numbers ? Number(cell.dataset.value) : nameIn(cell));

/** Sort the body of a table by a column; what is missing comes last either way, and equals keep their order. */
function sortBy(table, column, numbers, descending) {
  const body = table.tBodies[0];
  const turn = descending ? -1 : 1;
  const rows = Array.from(body.rows, (row) => ({ row, value: valueOf(row.cells[column], numbers) }));
  rows.sort((a, b) => {
    if (!numbers) return turn * BY_NAME.compare(a.value, b.value);
    if (Number.isNaN(a.value) || Number.isNaN(b.value)) return Number.isNaN(a.value) - Number.isNaN(b.value);
    return turn * (a.value - b.value);
  });
  body.append(...rows.map((item) => item.row));
}

/** A button in each heading; names go from A first, numbers from the largest. */
function makeSortable(table) {
  const headings = Array.from(table.tHead.rows[0].cells);
  headings.forEach((heading, column) => {
    const numbers = "numbers" in heading.dataset;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const descending = before ? before === "ascending" : numbers;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(table, column, numbers, descending);
    });
  });
}

/** Show the rows that have all the words and the names that are chosen, and say how many these are. */
function makeFilters(form, table) {
  const rows = Array.from(table.tBodies[0].rows);
  const words = form.querySelector("input");
  const choices = Array.from(form.querySelectorAll("select"));
  const names = (row) => Array.from(row.cells).slice(0, choices.length).map(nameIn);
  const known = new Map(rows.map((row) => [row, names(row)]));
  choices.forEach((choice, column) => {
    const values = new Set(rows.map((row) => known.get(row)[column]));
    Array.from(values).sort(BY_NAME.compare).forEach((name) => choice.add(new Option(name, name)));
  });
  const apply = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row) => {
      const mine = known.get(row);
      const text = mine.join(" ").toLowerCase();
      const fits = choices.every((choice, column) => !choice.value || choice.value === mine[column]);
      row.hidden = !(fits && wanted.every((word) => text.includes(word)));
    });
    const shown = rows.filter((row) => !row.hidden).length;
    const all = `${rows.length} row${rows.length === 1 ? "" : "s"}`;
    document.getElementById("count").textContent = shown ? `${shown} of ${all}` : `none of ${all} fits`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply)); // after the fields are cleared
  apply();
}

/** Open the run that the address names, or the first one below its heading. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const run = target?.closest("details") ?? target?.closest(".cell")?.querySelector("details");
  if (!run) return;
  run.open = true;
  target.scrollIntoView();
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
const filters = document.getElementById("filters");
if (filters) makeFilters(filters, document.getElementById("ranking"));
window.addEventListener("hashchange", openTarget);
openTarget();

// In Snakemake's own report this page is held by another, and the files are not beside it.
if (window.self !== window.top || location.protocol === "data:") {
  document.querySelectorAll("a[href]:not([href^='#'])").forEach((link) => link.removeAttribute("href"));
  document.getElementById("framed").hidden = false;
}
