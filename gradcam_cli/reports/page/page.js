"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const grid = byId("cards");
  if (!grid) return; // a page of failures only

  const form = byId("controls");
  const bar = byId("bar");
  const search = byId("search");
  const fade = byId("fade");
  const collator = new Intl.Collator("en", { numeric: true });
  const folded = (text) => text.normalize("NFKC").toLowerCase();

  const cards = Array.from(grid.children, (element, order) => {
    const { explained, predicted, confidence } = element.dataset;
    const number = (name) => (name in element.dataset ? Number(element.dataset[name]) : null);
    const name = element.querySelector(".name").textContent;
    return {
      element,
      order,
      name,
      explained,
      predicted,
      folded: folded(name),
      confidence: Number(confidence),
      border: number("border"),
      lift: number("lift"),
      drop: number("drop"),
    };
  });
  let shown = cards;

  function offerClasses(id) {
    const counts = new Map();
    for (const card of cards) counts.set(card[id], (counts.get(card[id]) ?? 0) + 1);
    for (const label of [...counts.keys()].sort(collator.compare)) {
      byId(id).add(new Option(`${label}: ${counts.get(label).toLocaleString("en")}`, label));
    }
  }

  function withinRange(id) {
    const [least, most] = ["least", "most"].map((end) => {
      const text = byId(`${id}-${end}`).value;
      return text === "" ? null : Number(text) / 100;
    });
    if (least === null && most === null) return () => true;
    return (card) => {
      const value = card[id];
      return value !== null && (least === null || value >= least) && (most === null || value <= most);
    };
  }

  function ofClass(id) {
    const wanted = byId(id).value;
    return (card) => wanted === "" || card[id] === wanted;
  }

  function compared(a, b) {
    return typeof a === "string" ? collator.compare(a, b) : a - b;
  }

  function inOrder() {
    const [key, down] = byId("sort").value.split(":");
    return (a, b) => {
      if (a[key] === null || b[key] === null) {
        return (a[key] === null) - (b[key] === null) || a.order - b.order;
      }
      return (down ? -1 : 1) * compared(a[key], b[key]) || a.order - b.order;
    };
  }

  function apply() {
    const text = folded(search.value.trim());
    const tests = [
      (card) => card.folded.includes(text),
      ofClass("explained"),
      ofClass("predicted"),
      withinRange("confidence"),
      withinRange("border"),
    ];
    const sorted = [...cards].sort(inOrder());
    if (sorted.some((card, at) => grid.children[at] !== card.element)) {
      grid.append(...sorted.map((card) => card.element));
    }
    shown = sorted.filter((card) => tests.every((test) => test(card)));
    const kept = new Set(shown);
    for (const card of cards) card.element.hidden = !kept.has(card);
    const [some, all] = [shown.length, cards.length].map((count) => count.toLocaleString("en"));
    byId("count").textContent = `${some} of ${all} shown`;
    byId("nothing").hidden = shown.length > 0;
  }

  function setHeat() {
    document.documentElement.style.setProperty("--heat", fade.value / 100);
  }

  let heat = "100";
  function fadeAll() {
    if (fade.value !== "0") heat = fade.value;
    fade.value = fade.value === "0" ? heat : "0";
    setHeat();
  }

  const focused = () => document.activeElement.closest(".card");

  /** The card to begin with: the first that is not above the window. */
  function first() {
    const top = bar.getBoundingClientRect().bottom;
    const found = shown.findIndex((card) => card.element.getBoundingClientRect().bottom > top);
    return Math.max(found, 0);
  }

  function move(step) {
    const card = focused();
    const at = card ? shown.findIndex((each) => each.element === card) + step : first();
    const next = shown[at];
    if (!next) return;
    next.element.focus({ preventScroll: true });
    next.element.scrollIntoView({ block: "nearest" });
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const card = focused();
    if (event.target.closest("input:not([type=range]), select")) return;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const steps = card && { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    if (event.key === "/") {
      search.focus();
      search.select();
    } else if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1);
    } else if (steps && event.key in steps) {
      move(steps[event.key]);
    } else if (card && (event.key === "f" || event.key === " ")) {
      card.classList.toggle("held");
    } else if (event.key === "f") {
      fadeAll();
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Shows the pictures that a cell of the confusion matrix counts. */
  function showConfused(button) {
    form.reset();
    for (const id of ["explained", "predicted"]) byId(id).value = button.dataset[id];
    apply();
    byId("pictures").focus();
    byId("pictures").scrollIntoView();
  }

  offerClasses("explained");
  offerClasses("predicted");
  form.addEventListener("input", apply);
  form.addEventListener("change", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  for (const button of document.querySelectorAll(".confusion")) {
    button.addEventListener("click", () => showConfused(button));
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  fade.addEventListener("input", setHeat);
  document.addEventListener("keydown", onKey);
  grid.addEventListener("focusout", (event) => {
    event.target.closest(".card").classList.remove("held");
  });
  form.hidden = bar.hidden = false;
  apply();
})();
