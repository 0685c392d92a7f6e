// The cells of a comparison, as the viewer takes cards: without figures, choices and ticks.

const byId = (id) => document.getElementById(id);
const grid = byId("compared");
const figures = [];
const counted = (count) => count.toLocaleString("en");
const giveSources = () => {};

function readCell(element) {
  const image = element.querySelector("img");
  const source = document.querySelector(`.source[data-picture="${element.dataset.picture}"]`);
  element.dataset.original = source.src;
  const view = { element: element.querySelector(".explained"), image, link: image.src, values: {} };
  return { element, source, view, tick: {}, choice: null };
}

const shown = Array.from(grid.querySelectorAll(".card"), readCell);
const cardOf = new Map(shown.map((card) => [card.element, card]));

function focusCard(card) {
  card.element.querySelector(".open").focus();
}
