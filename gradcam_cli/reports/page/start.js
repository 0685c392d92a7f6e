// The page as it opens.

for (const key of ["explained", "predicted", "method"]) offerValues(key);

const phone = matchMedia("(max-width: 40rem)");
const foldFilters = () => (byId("filters").open = !phone.matches);
phone.addEventListener("change", foldFilters);
foldFilters();

for (const element of document.querySelectorAll(".scripted")) element.hidden = false;
byId("loading").hidden = true;
apply();
grid.classList.add("ready");
