// The cards and what each can show, read once from the page.

const byId = (id) => document.getElementById(id);
const grid = byId("cards");
const collator = new Intl.Collator("en", { numeric: true });
const folded = (text) => text.normalize("NFKC").toLowerCase();
const counted = (count) => count.toLocaleString("en");

/** A link as the path that it leads to; as it is where that has bytes that are no text. */
function pathOf(link) {
  try {
    return decodeURIComponent(link).replace(/^\.\//, "");
  } catch {
    return link;
  }
}

/** The figures that this report has, as the choices of sorting name them. */
const figures = Array.from(byId("sort").querySelectorAll("[data-worst]"), (option) => ({
  name: option.value,
  title: option.dataset.title,
  direction: option.dataset.worst === "high" ? -1 : 1,
}));

/** A number, a word, or null where the figure was not measured. */
function figureOf(element, name) {
  const text = element.dataset[name];
  if (text === undefined) return null;
  return Number.isNaN(Number(text)) ? text : Number(text);
}

/** One explained class by one method. */
function readView(element, image) {
  const values = figures.map(({ name }) => [name, figureOf(element, name)]);
  return { element, image, ...element.dataset, values: Object.fromEntries(values) };
}

function readCard(element, order) {
  const parts = [...element.querySelectorAll("[data-view]")];
  const name = byId("prefix").textContent + element.querySelector(".name").textContent;
  const views = parts
    .filter((part) => part.matches(".explained"))
    .map((part) => {
      const { view } = part.dataset;
      return readView(part, parts.find((each) => each.matches("img") && each.dataset.view === view));
    });
  return {
    element,
    order,
    name,
    parts,
    views,
    folded: folded(name),
    source: element.querySelector("img.source"),
    tick: element.querySelector(".tick"),
    choice: element.querySelector(".views"),
    view: views[0],
  };
}

const cards = Array.from(grid.children, readCard);
const cardOf = new Map(cards.map((card) => [card.element, card]));

/** Shows one of the classes and methods of a card. */
function setView(card, view) {
  card.view = view;
  if (card.views.length === 1) return;
  for (const part of card.parts) part.hidden = part.dataset.view !== view.view;
  for (const row of card.element.querySelectorAll(".top li")) {
    row.classList.toggle("this", row.querySelector("bdi").textContent === view.of);
  }
  card.choice.value = view.view;
}

function nextView(card) {
  setView(card, card.views[(card.views.indexOf(card.view) + 1) % card.views.length]);
}

/** Gives pictures to a card far down the page: those of all cards at once would take seconds. */
function giveSources(element) {
  for (const image of element.querySelectorAll("img[data-src]")) {
    image.src = image.dataset.src;
    delete image.dataset.src;
  }
}

const nearing = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      giveSources(target);
      nearing.unobserve(target);
    }
  },
  { rootMargin: "100%" },
);
for (const { element } of cards) {
  if (element.querySelector("img[data-src]")) nearing.observe(element);
}
addEventListener("beforeprint", () => giveSources(grid));

grid.addEventListener("change", ({ target }) => {
  const card = cardOf.get(target.closest(".card"));
  if (target === card.choice) setView(card, card.views[Number(target.value)]);
});
