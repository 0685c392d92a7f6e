// The full-size picture: the overlay over the original, with a slider between them; or the overlay
// alone, where it is a figure that is larger than the picture.

const viewer = byId("viewer");
const stage = byId("stage");
const wipe = byId("wipe");
let viewed = null;

/** Shows a file, or in its place the small picture of the page; `missing` tells what is not there. */
function load(image, link, small, missing) {
  image.hidden = !(link || small);
  image.onload = () => setRatio(image.naturalWidth / image.naturalHeight);
  image.onerror = () => {
    image.onerror = null;
    if (small) image.src = small.src;
    else image.hidden = true;
    missing(`cannot be opened here: ${pathOf(link)}`);
  };
  if (link) image.src = link;
  else if (small) image.src = small.src;
  else image.removeAttribute("src");
}

function setRatio(ratio) {
  if (ratio) stage.style.setProperty("--ratio", ratio);
}

function setWipe() {
  stage.style.setProperty("--wipe", `${wipe.value}%`);
  wipe.setAttribute("aria-valuetext", `the overlay covers ${100 - wipe.value} %`);
}

function addNote(what, reason) {
  const note = document.createElement("p");
  note.textContent = `${what} ${reason}`;
  byId("viewer-notes").append(note);
}

/** The files of the view, or what the page says of those that are missing. */
function loadPictures(card) {
  const { original, originalMissing } = card.element.dataset;
  const { link, missing, image, apart } = card.view;
  const alone = apart !== undefined;
  const small = image ?? card.source;
  if (small) setRatio(small.getAttribute("width") / small.getAttribute("height"));
  byId("viewer-notes").replaceChildren();
  for (const [id, file, thumbnail, what, problem] of [
    ["viewer-original", ...(alone ? [] : [original, card.source, "The original", originalMissing])],
    ["viewer-overlay", link, image, "The overlay", missing],
  ]) {
    load(byId(id), file, thumbnail, (reason) => addNote(what, reason));
    if (problem) addNote(what, `is not shown: ${problem}.`);
    else if (what && !file) addNote(what, "is shown small: it is on another drive.");
  }
  stage.classList.toggle("single", alone || !(card.source && image));
}

function tellFigures({ values }) {
  const measured = figures.filter(({ name }) => values[name] !== null);
  const rows = measured.flatMap(({ name, title }) => {
    const [term, value] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = title;
    value.textContent =
      typeof values[name] === "number" ? Number(values[name].toPrecision(3)) : values[name];
    return [term, value];
  });
  byId("viewer-figures").replaceChildren(...rows);
}

function tellCard(card) {
  byId("viewer-name").textContent = card.element.querySelector(".name").textContent;
  byId("viewer-place").textContent = `${counted(shown.indexOf(card) + 1)} of ${counted(shown.length)}`;
  byId("viewer-told").replaceChildren(...card.view.element.cloneNode(true).childNodes);
  byId("viewer-top").replaceChildren(...card.element.querySelector(".top").cloneNode(true).children);
  byId("viewer-tick").checked = card.tick.checked;
  byId("viewer-views").replaceChildren(...(card.choice?.cloneNode(true).options ?? []));
  byId("viewer-views").value = card.view.view;
  byId("viewer-views").parentElement.hidden = !card.choice;
  tellFigures(card.view);
}

function view(card) {
  viewed = card;
  giveSources(card.element);
  stage.classList.remove("bare");
  loadPictures(card);
  tellCard(card);
  if (viewer.open) return;
  setWipe();
  viewer.showModal();
  byId("viewer-close").focus();
}

function viewNext(step) {
  view(shown[(shown.indexOf(viewed) + step + shown.length) % shown.length]);
}

function moveWipe(step) {
  wipe.value = Number(wipe.value) + step;
  setWipe();
}

/** Gives the focus back: to the card of the picture that was looked at last. */
viewer.addEventListener("close", () => {
  for (const id of ["viewer-original", "viewer-overlay"]) byId(id).removeAttribute("src");
  focusCard(viewed);
});
viewer.addEventListener("click", ({ target }) => {
  if (target === viewer) viewer.close(); // beside the dialog
});
wipe.addEventListener("input", setWipe);
byId("viewer-close").addEventListener("click", () => viewer.close());
byId("viewer-previous").addEventListener("click", () => viewNext(-1));
byId("viewer-next").addEventListener("click", () => viewNext(1));
byId("viewer-tick").addEventListener("change", () => tickOrUntick(viewed));
byId("viewer-views").addEventListener("change", ({ target }) => {
  setView(viewed, viewed.views[Number(target.value)]);
  view(viewed);
});
grid.addEventListener("click", ({ target }) => {
  const card = target.closest(".card");
  if (!card || target.closest("label, select") || !getSelection().isCollapsed) return;
  view(cardOf.get(card));
});
