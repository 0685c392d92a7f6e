// The page as it opens.

for (const key of ["explained", "predicted", "method"]) offerValues(key);

const phone = matchMedia("(max-width: 40rem)");
const foldFilters = () => (byId("filters").open = !phone.matches);
phone.addEventListener("change", foldFilters);
foldFilters();

// What the keys scroll to must not end under the bar.
new ResizeObserver(() => {
  document.documentElement.style.setProperty("--bar-height", `${bar.offsetHeight}px`);
}).observe(bar);

for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
byId("loading").hidden = true;
apply();
grid.classList.add("ready");
