// The tab for two images: source and template in, the swapped template out.

import { Compare } from "/compare.js";
import { $, announce, inWords, make, megabytes, save, showOnly } from "/dom.js";
import { chosenModel, ProgressPanel } from "/job.js";
import { Picker } from "/picker.js";
import { ask } from "/server.js";

const PARTS = ["photo-empty", "photo-progress", "photo-result"];

export function startPhoto(about) {
  const shared = { accept: "image/*,.heic,.heif,.avif", examples: about.examples };
  const source = new Picker($("photo-source"), { ...shared, field: "source", title: "Source", hint: "gives the face" });
  const template = new Picker($("photo-template"), { ...shared, field: "template", title: "Template", hint: "gives the rest" });
  const compare = new Compare($("photo-compare"), "Template", "Result");
  const panel = new ProgressPanel($("photo-progress"));
  source.onchange = template.onchange = () => ($("photo-error").textContent = "");

  $("photo-form").addEventListener("submit", (event) => {
    event.preventDefault();
    swap(about, source, template, panel, compare);
  });
  $("exchange").addEventListener("click", () => {
    const [first, second] = [source, template].map(({ file, example }) => ({ file, example }));
    for (const [picker, other] of [[source, second], [template, first]]) other.file ? picker.choose(other.file, other.example) : picker.clear();
  });
  $("photo-example").addEventListener("click", async () => {
    const buttons = (picker) => document.querySelectorAll(`#${picker} .examples button`);
    buttons("photo-source")[4].click();
    buttons("photo-template")[2].click();
    await until(() => source.file && template.file);
    $("photo-form").requestSubmit();
  });
  return (files) => {
    const focused = document.activeElement?.closest(".picker")?.dataset.field;
    const first = focused === "template" || (focused !== "source" && source.file) ? template : source;
    first.choose(files[0]);
    if (files[1]) template.choose(files[1]);
  };
}

const until = async (condition) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
};

async function swap(about, source, template, panel, compare) {
  $("photo-error").textContent = "";
  const isComplete = [source.require(), template.require()].every(Boolean);
  if (!isComplete) return (source.file ? template : source).input.focus();
  if (source.file.size + template.file.size > about.limits.swap_bytes) {
    return template.complain(`Both images together have more than ${megabytes(about.limits.swap_bytes)}. Use smaller ones.`);
  }
  const body = new FormData();
  body.append("source", source.file);
  body.append("template", template.file);
  body.append("face", document.querySelector("#photo [name=face]:checked").value);
  body.append("model", chosenModel());
  const aborter = new AbortController();
  $("photo-go").disabled = true;
  source.complain("");
  template.complain("");
  const before = PARTS.find((id) => !$(id).hidden);
  showOnly("photo-progress", ...PARTS);
  panel.start("Swapping. The first swap takes longer, because the models are loaded.", () => aborter.abort());
  try {
    const result = await ask("POST", "/swap", body, aborter.signal);
    showOnly("photo-result", ...PARTS);
    await showResult(result, template.file.name, compare);
    announce("The result is ready.");
  } catch (error) {
    showOnly(before, ...PARTS);
    if (error.name !== "AbortError") showError(error, { source, template });
  } finally {
    panel.stop();
    $("photo-go").disabled = false;
  }
}

function showError(error, fields) {
  if (!error.answer) throw error;
  const field = fields[error.answer.field];
  if (field) {
    field.complain(inWords(error.answer));
    field.input.focus();
  } else {
    $("photo-error").textContent = inWords(error.answer);
  }
}

async function showResult(result, name, compare) {
  const faces = result.num_faces === 1 ? "1 face was replaced" : `${result.num_faces} faces were replaced`;
  $("photo-note").textContent = `${faces} by ${result.model.split(",")[0]}. The file says that it is synthetic: by an invisible watermark and a signed manifest.`;
  save($("photo-save"), result.result, `${name.replace(/\.\w+$/, "")}-swapped.png`);
  $("photo-truth-figure").hidden = !result.truth;
  if (result.truth) $("photo-truth").src = result.truth;
  $("photo-metrics").replaceChildren(...Object.entries(result.metrics).map(([label, value]) => make("tr", {}, make("th", { scope: "row", textContent: label }), make("td", { textContent: value }))));
  $("photo-marks").textContent = result.marks;
  await compare.show(result.template, result.result);
  if (matchMedia("(max-width: 60rem)").matches) $("photo-stage").scrollIntoView({ block: "start" });
}
