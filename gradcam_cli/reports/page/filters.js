// Which cards are shown, and in which order.

const form = byId("controls");
const search = byId("search");
let sorted = cards;
let shown = cards;

function offerValues(key) {
  const counts = new Map();
  for (const { views } of cards) {
    for (const label of new Set(views.map((view) => view[key]))) {
      counts.set(label, (counts.get(label) ?? 0) + 1);
    }
  }
  for (const label of [...counts.keys()].sort(collator.compare)) {
    byId(key).add(new Option(`${label}: ${counted(counts.get(label))}`, label));
  }
  byId(key).closest("label").hidden = key === "method" && counts.size < 2;
}

function withinRange(name) {
  const [least, most] = ["least", "most"].map((end) => {
    const text = byId(`${name}-${end}`).value;
    return text === "" ? null : Number(text) / 100;
  });
  if (least === null && most === null) return () => true;
  return ({ values }) => {
    const value = values[name];
    return value !== null && (least === null || value >= least) && (most === null || value <= most);
  };
}

function ofValue(key) {
  const wanted = byId(key).value;
  return (view) => wanted === "" || view[key] === wanted;
}

/** Compares two values of a figure or two texts; what is not known comes last. */
function compared(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  return direction * (typeof a === "string" ? collator.compare(a, b) : a - b);
}

/** What the choice of sorting means: how views compare, and how cards do. */
function chosenOrder() {
  const key = byId("sort").value;
  const figure = figures.find(({ name }) => name === key);
  const direction = (figure?.direction ?? 1) * (byId("reverse").checked ? -1 : 1);
  const views = (a, b) => (figure ? compared(a.values[key], b.values[key], direction) : 0);
  const value = (card) => card[key] ?? card.view[key];
  return {
    views,
    cards: (a, b) =>
      (figure ? views(a.view, b.view) : compared(value(a), value(b), direction)) ||
      a.order - b.order,
  };
}

/** Of the views that match, the one that the order puts first: the worst; else that which is shown. */
function choose(card, order) {
  const kept = card.matching.includes(card.view) ? card.view : card.matching[0];
  return card.matching.reduce((best, view) => (order.views(view, best) < 0 ? view : best), kept);
}

function apply() {
  const text = folded(search.value.trim());
  const order = chosenOrder();
  const tests = [
    ...["explained", "predicted", "method"].map(ofValue),
    ...["probability", "border"].map(withinRange),
  ];
  for (const card of cards) {
    card.matching = card.folded.includes(text)
      ? card.views.filter((view) => tests.every((test) => test(view)))
      : [];
    card.element.hidden = !card.matching.length;
    if (card.matching.length) setView(card, choose(card, order));
  }
  sorted = [...cards].sort(order.cards);
  if (sorted.some((card, at) => grid.children[at] !== card.element)) {
    grid.append(...sorted.map((card) => card.element));
  }
  shown = sorted.filter((card) => card.matching.length);
  byId("count").textContent = `${counted(shown.length)} of ${counted(cards.length)} shown`;
  byId("nothing").hidden = shown.length > 0;
  tellSelection();
}

/** Shows the pictures that a cell of the confusion matrix counts. */
function showConfused(button) {
  form.reset();
  for (const id of ["explained", "predicted"]) byId(id).value = button.dataset[id];
  apply();
  byId("pictures").focus();
  byId("pictures").scrollIntoView();
}

form.addEventListener("input", apply);
form.addEventListener("change", apply);
form.addEventListener("reset", () => setTimeout(apply));
form.addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll(".confusion")) {
  button.addEventListener("click", () => showConfused(button));
}
