// Keys. The legend is made of the same table, so that it cannot say anything else.

const legend = byId("legend");
const bar = byId("bar");
const fade = byId("fade");
let heat = "100";

function setHeat() {
  document.documentElement.style.setProperty("--heat", fade.value / 100);
}

function fadeAll() {
  if (fade.value !== "0") heat = fade.value;
  fade.value = fade.value === "0" ? heat : "0";
  setHeat();
}

const focused = () => cardOf.get(document.activeElement.closest(".card"));

function focusCard(card) {
  card.element.focus({ preventScroll: true });
  card.element.scrollIntoView({ block: "nearest" });
}

/** The card to begin with: the first that is not above the window. */
function first() {
  const top = bar.getBoundingClientRect().bottom;
  return shown.findIndex((card) => card.element.getBoundingClientRect().bottom > top);
}

function move(step) {
  const card = focused();
  const next = shown[card ? shown.indexOf(card) + step : Math.max(first(), 0)];
  if (next) focusCard(next);
}

function moveInRows({ key }) {
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  move({ ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key]);
}

function startSearch() {
  byId("filters").open = true;
  search.focus();
  search.select();
}

// What `onCard` is true of, needs a card that is focused itself, and does nothing elsewhere.
const PAGE_KEYS = [
  { keys: ["j"], says: "the next picture", act: () => move(1) },
  { keys: ["k"], says: "the previous picture", act: () => move(-1) },
  {
    keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"],
    says: "move among the pictures",
    onCard: true,
    act: moveInRows,
  },
  { keys: ["Enter"], says: "open the picture", onCard: true, act: () => view(focused()) },
  { keys: ["v"], says: "its next class or method", onCard: true, act: () => nextView(focused()) },
  { keys: ["x"], says: "tick or untick it", onCard: true, act: () => tickOrUntick(focused()) },
  {
    keys: ["f", " "],
    says: "take its heat away, or give it back",
    onCard: true,
    act: () => focused().element.classList.toggle("held"),
  },
  { keys: ["f"], says: "elsewhere: all heat", act: fadeAll },
  { keys: ["/"], says: "search", act: startSearch },
  { keys: ["?"], says: "these keys", act: () => legend.showModal() },
];
const VIEWER_KEYS = [
  { keys: ["ArrowRight", "j"], says: "the next picture", act: () => viewNext(1) },
  { keys: ["ArrowLeft", "k"], says: "the previous picture", act: () => viewNext(-1) },
  {
    keys: ["ArrowUp", "ArrowDown"],
    says: "move the slider",
    act: ({ key }) => moveWipe(key === "ArrowUp" ? 5 : -5),
  },
  {
    keys: ["v"],
    says: "its next class or method",
    act: () => {
      nextView(viewed);
      view(viewed);
    },
  },
  {
    keys: ["x"],
    says: "tick or untick it",
    act: () => {
      tickOrUntick(viewed);
      byId("viewer-tick").checked = viewed.tick.checked;
    },
  },
  {
    keys: ["f"],
    says: "take its heat away, or give it back",
    act: () => stage.classList.toggle("bare"),
  },
  { keys: ["Escape"], says: "close" }, // which dialogs do by themselves
];
const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "space" };

function onKey(event) {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || legend.open) return;
  if (target.closest("input:not([type=range], [type=checkbox]), select")) return;
  const table = viewer.open ? VIEWER_KEYS : PAGE_KEYS;
  const isCard = target.matches(".card");
  const entry = table.find(({ keys, onCard }) => keys.includes(key) && (isCard || !onCard));
  if (!entry?.act) return;
  entry.act(event);
  event.preventDefault();
}

function writeLegend(id, table) {
  for (const { keys, says } of table) {
    const [cells, does] = [byId(id).insertRow(), document.createElement("td")];
    const head = document.createElement("th");
    head.scope = "row";
    for (const key of keys) {
      const shown = document.createElement("kbd");
      shown.textContent = NAMES[key] ?? key;
      head.append(shown, " ");
    }
    does.textContent = says;
    cells.append(head, does);
  }
}

writeLegend("page-keys", PAGE_KEYS);
writeLegend("viewer-keys", VIEWER_KEYS);
document.addEventListener("keydown", onKey);
fade.addEventListener("input", setHeat);
byId("keys").addEventListener("click", () => legend.showModal());
legend.addEventListener("click", ({ target }) => {
  if (target === legend || target.closest("button")) legend.close();
});
grid.addEventListener("focusout", ({ target }) => target.closest(".card").classList.remove("held"));
