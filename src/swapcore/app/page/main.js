// Tabs, the choice of the model, pasting, and the start of each tab.

import { showAbout } from "/about.js";
import { startAnonymize } from "/anonymize.js";
import { $, inWords, make } from "/dom.js";
import { showEvaluations } from "/evaluation.js";
import { startPhoto } from "/photo.js";
import { ask } from "/server.js";
import { startVideo } from "/video.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const pasteTargets = {};

function open(name, { focus = false } = {}) {
  const chosen = tabs.find((tab) => tab.getAttribute("aria-controls") === name) ?? tabs[0];
  for (const tab of tabs) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", isChosen);
    tab.tabIndex = isChosen ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = !isChosen;
  }
  const panel = chosen.getAttribute("aria-controls");
  document.title = `${chosen.textContent} · swapcore`;
  document.querySelector(".model").style.visibility = ["evaluation", "about"].includes(panel) ? "hidden" : "visible";
  if (location.hash.slice(1) !== panel) history.replaceState(null, "", `#${panel}`);
  if (focus) chosen.focus();
  if (panel === "evaluation") showEvaluations();
  window.dispatchEvent(new Event("resize"));
}

const current = () => tabs.find((tab) => tab.getAttribute("aria-selected") === "true");

for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab.getAttribute("aria-controls")));
  tab.addEventListener("keydown", (event) => {
    const last = tabs.length - 1;
    const place = tabs.indexOf(tab);
    const next = { ArrowRight: place === last ? 0 : place + 1, ArrowLeft: place ? place - 1 : last, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    open(tabs[next].getAttribute("aria-controls"), { focus: true });
  });
}
window.addEventListener("hashchange", () => open(location.hash.slice(1)));

document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  const target = pasteTargets[current().getAttribute("aria-controls")];
  if (!files.length || !target) return;
  event.preventDefault();
  target(files);
});

// A file that misses a drop area would replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());

function listModels(models) {
  const select = $("model");
  const before = select.value;
  select.replaceChildren(...models.map((each) => make("option", { value: each.reference, textContent: each.label, title: each.details })));
  if (models.some((each) => each.reference === before)) select.value = before;
}

async function refreshModels() {
  const about = await ask("GET", "/about").catch(() => null);
  if (!about) return;
  listModels(about.models);
  showAbout(about);
}

async function start() {
  open(location.hash.slice(1));
  const about = await ask("GET", "/about");
  listModels(about.models);
  showAbout(about);
  pasteTargets.photo = startPhoto(about);
  pasteTargets.anonymize = startAnonymize(about);
  pasteTargets.video = startVideo(about);
  if (about.job?.state === "running") open(about.job.kind);
  document.body.dataset.ready = "true";
  // The registry's champion is found some time after the start.
  for (const delay_ms of [5000, 20000, 60000]) setTimeout(refreshModels, delay_ms);
}

start().catch((error) => {
  $("page-error").textContent = inWords(error.answer ?? { error: "The page could not start. Load it again." });
  $("page-error").hidden = false;
});
