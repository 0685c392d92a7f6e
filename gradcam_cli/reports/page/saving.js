// The selection, as CSV and JSON: what is ticked, or else what the filters leave.

const ticked = () => sorted.filter((card) => card.tick.checked);

function tellSelection() {
  const count = ticked().length;
  byId("selection").textContent = count
    ? `the ${counted(count)} ticked`
    : `the ${counted(shown.length)} shown`;
  byId("untick").hidden = !count;
}

function row(card, { element, values }) {
  const { of, explained, predicted, method, layer, link, trusted } = element.dataset;
  return {
    ...{ source: card.name, overlay: pathOf(link ?? ""), class: of, explained, predicted, method, layer },
    ...values,
    ...(trusted && { why: trusted }),
  };
}

function selectedRows() {
  const chosen = ticked();
  return chosen.length
    ? chosen.flatMap((card) => card.views.map((view) => row(card, view)))
    : shown.flatMap((card) => card.matching.map((view) => row(card, view)));
}

/** A cell that no spreadsheet takes for a formula. */
function cell(value) {
  if (typeof value !== "string") return value ?? "";
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function asCsv(rows) {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const lines = rows.map((each) => columns.map((column) => cell(each[column])));
  return [columns, ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

function asJson(rows) {
  return `${JSON.stringify({ schema: 1, explanations: rows }, null, 2)}\n`;
}

function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function tickOrUntick(card) {
  card.tick.checked = !card.tick.checked;
  tellSelection();
}

byId("csv").addEventListener("click", () => save("selection.csv", "text/csv", asCsv(selectedRows())));
byId("json").addEventListener("click", () => {
  save("selection.json", "application/json", asJson(selectedRows()));
});
byId("untick").addEventListener("click", () => {
  for (const card of ticked()) card.tick.checked = false;
  tellSelection();
  byId("csv").focus();
});
grid.addEventListener("change", tellSelection);
