// Choose or drop two images, send one request, show the result.
"use strict";
const $ = (id) => document.getElementById(id);
const chosen = {};

function choose(field, file) {
  if (!file) return;
  chosen[field] = file;
  const image = document.querySelector(`[data-field=${field}] img`);
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(file);
  image.hidden = false;
  $("go").disabled = !(chosen.source && chosen.template);
}

for (const area of document.querySelectorAll(".drop")) {
  const field = area.dataset.field;
  $(field).addEventListener("change", (event) => choose(field, event.target.files[0]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    area.addEventListener(kind, (event) => {
      event.preventDefault();
      area.classList.toggle("over", kind === "dragover");
      if (kind === "drop") choose(field, event.dataTransfer.files[0]);
    });
  }
}

function show(result) {
  $("before").src = result.template;
  $("after").src = $("save").href = result.result;
  $("truth-figure").hidden = !result.truth;
  if (result.truth) $("truth").src = result.truth;
  $("metrics").replaceChildren(...Object.entries(result.metrics).map(([name, value]) => {
    const row = document.createElement("tr");
    for (const text of [name, value]) row.insertCell().textContent = text;
    return row;
  }));
  $("marks").textContent = result.marks;
  $("swapped").hidden = false;
  slide();
}

function slide() {
  $("after").style.clipPath = `inset(0 0 0 ${$("slider").value}%)`;
  $("edge").style.left = `${$("slider").value}%`;
}

$("slider").addEventListener("input", slide);
$("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("error").textContent = "";
  $("status").textContent = "swapping…";
  $("go").disabled = true;
  const body = new FormData();
  for (const field of ["source", "template"]) body.append(field, chosen[field]);
  try {
    const response = await fetch("/swap", { method: "POST", body });
    const result = await response.json();
    if (response.ok) show(result);
    else $("error").textContent = result.error;
  } catch {
    $("error").textContent = "no response from the server: is `swapcore app` still running?";
  }
  $("status").textContent = "";
  $("go").disabled = false;
});

fetch("/about").then((response) => response.json()).then((about) => {
  $("model").textContent = `model: ${about.model}`;
  $("evaluation").hidden = !about.reports.length;
  if (about.reports.includes("/report/sheet.png")) $("sheet").src = "/report/sheet.png";
  $("report").hidden = !about.reports.includes("/report/report.html");
});
