// Filters of the page: hide what does not fit. Without a script everything is shown.
const form = document.getElementById("filters");
const said = document.getElementById("shown");
const items = [...document.querySelectorAll("[data-paper]")];
const runs = items.filter((item) => item.matches(".run"));

function fits(item) {
  return ["paper", "corpus", "protocol", "schedule"].every((name) => {
    const wanted = form.elements[name].value;
    return !wanted || item.dataset[name].split("|").includes(wanted);
  });
}

function apply() {
  for (const item of items) item.hidden = !fits(item);
  for (const paper of document.querySelectorAll("[data-holds]"))
    paper.hidden = !runs.some((run) => run.dataset.paper === paper.dataset.holds && !run.hidden);
  const left = runs.filter((run) => !run.hidden).length;
  said.textContent = left === runs.length ? `All ${left} entries` : `${left} of ${runs.length} entries`;
}

form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("reset", () => setTimeout(apply));
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("pageshow", apply); // browsers keep what was chosen when one comes back
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
