"use strict";
// Without this script all is there to read; it sorts, filters, copies, and opens what a link leads to.

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

/** A button in each heading; names go from A first, numbers from the largest. Returns what sorts by a heading. */
function makeSortable(table) {
  const headings = Array.from(table.tHead.rows[0].cells);
  const sort = (heading, descending) => {
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    sortBy(table, headings.indexOf(heading), "numbers" in heading.dataset, descending);
  };
  headings.forEach((heading) => {
    const numbers = "numbers" in heading.dataset;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      sort(heading, before ? before === "ascending" : numbers);
    });
  });
  return (name, descending) => sort(headings.find((heading) => heading.textContent === name), descending);
}

/** Show the rows that have all the words and the names that are chosen, and say how many these are. */
function makeFilters(form, table, sort) {
  const rows = Array.from(table.tBodies[0].rows);
  const words = form.querySelector("input");
  const choices = Array.from(form.querySelectorAll("select:not(#order)"));
  const order = form.querySelector("#order");
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
  const inOrder = () => sort(order.value, !("ascending" in order.selectedOptions[0].dataset));
  order.addEventListener("change", inOrder);
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => [apply(), inOrder()])); // after the fields are cleared
  apply();
}

/** Copy the text of an element, or select it where the browser does not let a page copy. */
async function copyText(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return "Copied.";
  } catch {
    element.closest("details").open = true;
    window.getSelection().selectAllChildren(element);
    return "Selected: copy it with the keyboard.";
  }
}

function makeCopies(place) {
  const status = document.getElementById("copied");
  place.hidden = false;
  place.querySelectorAll("button").forEach((button) => {
    button.addEventListener("click", async () => {
      status.textContent = ""; // so that a second copy is announced, too
      status.textContent = await copyText(document.getElementById(button.dataset.copies));
    });
  });
}

/** Open the folded part that the address names, or in which it is. */
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target?.closest("details");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
}

const ranking = document.getElementById("table");
if (ranking) makeFilters(document.getElementById("filters"), ranking, makeSortable(ranking));
const more = document.getElementById("more");
if (more) makeSortable(more);
const copying = document.getElementById("copying");
if (copying) makeCopies(copying);
window.addEventListener("hashchange", openTarget);
openTarget();

// In Snakemake's own report this page is held by another, and the files are not beside it.
if (window.self !== window.top || location.protocol === "data:") {
  document.querySelectorAll("a[href]:not([href^='#'])").forEach((link) => link.removeAttribute("href"));
  document.getElementById("framed").hidden = false;
}
