// The tab for many images: a list of files in, anonymized images and a ZIP file out.

import { Compare } from "/compare.js";
import { $, announce, inWords, make, megabytes, save, showOnly } from "/dom.js";
import { chosenModel, deleteButton, follow, ProgressPanel } from "/job.js";
import { ask, fetchFile } from "/server.js";

const PARTS = ["anonymize-empty", "anonymize-progress", "anonymize-result"];
const EXAMPLES = [0, 1, 4];

/** The chosen files, shown as small images that can be removed. */
class ChosenFiles {
  constructor(root, about) {
    this.files = new Map();
    this.limits = about.limits;
    const id = `${root.id}-file`;
    this.input = make("input", { type: "file", id, accept: "image/*,.heic,.heif,.avif", multiple: true, className: "hidden-text", "aria-describedby": `${id}-error` });
    this.folderInput = make("input", { type: "file", id: `${root.id}-folder`, webkitdirectory: true, className: "hidden-text", "aria-label": "Choose a folder" });
    this.drop = make("label", { className: "drop wide" }, this.input, make("span", { className: "prompt" }, make("b", { textContent: "Choose images" }), make("span", { textContent: "or drop or paste them here" })));
    this.error = make("p", { className: "field-error", id: `${id}-error`, role: "alert" });
    this.list = make("ul", { className: "thumbs" });
    this.count = make("p", { className: "faint", role: "status" });
    this.exampleButton = make("button", { type: "button", className: "link", textContent: "Add example images" });
    this.clearButton = make("button", { type: "button", className: "link", textContent: "Remove all", hidden: true });
    root.classList.add("picker");
    root.dataset.field = "photographs";
    root.replaceChildren(
      make("p", { className: "field-title" }, make("label", { for: id, textContent: "Images" }), make("span", { textContent: `up to ${about.limits.photographs}, ${megabytes(about.limits.job_bytes)} together` })),
      this.drop,
      make("div", { className: "links" }, make("label", { className: "link" }, this.folderInput, "Choose a folder"), this.exampleButton),
      this.error, make("div", { className: "links" }, this.count, this.clearButton), this.list,
    );
    this.listen(EXAMPLES.map((number) => about.examples[number]));
  }

  listen(examples) {
    for (const input of [this.input, this.folderInput]) {
      input.addEventListener("change", () => { this.add([...input.files]); input.value = ""; });
    }
    this.exampleButton.addEventListener("click", async () => this.add(await Promise.all(examples.map(fetchFile))));
    this.clearButton.addEventListener("click", () => { this.clear(); this.input.focus(); });
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
      this.drop.addEventListener(kind, (event) => {
        event.preventDefault();
        this.drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
        if (kind === "drop") dropped(event.dataTransfer).then((files) => this.add(files));
      });
    }
  }

  /** Files of a folder keep their sub-folder; files that are no images by their type are left out. */
  add(files) {
    const images = files.filter((file) => file.type.startsWith("image/") || /\.(hei[cf]|avif|tiff?)$/i.test(file.name));
    for (const file of images) this.files.set((file.path ?? file.webkitRelativePath ?? "").split("/").slice(1).join("/") || file.name, file);
    const left = files.length - images.length;
    this.complain(left ? `${left} of the files ${left === 1 ? "is not an image and was" : "are not images and were"} left out.` : "");
    this.show();
  }

  clear() {
    this.files.clear();
    this.complain("");
    this.show();
  }

  show() {
    for (const image of this.list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    this.list.replaceChildren(...[...this.files].map(([name, file]) => {
      const image = make("img", { src: URL.createObjectURL(file), alt: "", loading: "lazy", decoding: "async" });
      const remove = make("button", { type: "button", className: "clear", textContent: "×", "aria-label": `Remove ${name}` });
      remove.addEventListener("click", () => { this.files.delete(name); this.show(); this.input.focus(); });
      return make("li", { title: name }, image, remove);
    }));
    const bytes = [...this.files.values()].reduce((sum, file) => sum + file.size, 0);
    this.count.textContent = this.files.size ? `${this.files.size} ${this.files.size === 1 ? "image" : "images"}, ${megabytes(bytes)}` : "";
    this.clearButton.hidden = !this.files.size;
    if (this.files.size > this.limits.photographs) this.complain(`At most ${this.limits.photographs} images at once. For more use the command: swapcore anonymize FOLDER -o OUT`);
    else if (bytes > this.limits.job_bytes) this.complain(`The images have more than ${megabytes(this.limits.job_bytes)} together. Remove some.`);
    this.isTooMuch = this.files.size > this.limits.photographs || bytes > this.limits.job_bytes;
  }

  complain(text) {
    this.error.textContent = text;
    this.drop.classList.toggle("wrong", Boolean(text));
  }

  require() {
    if (!this.files.size) this.complain("Choose one or more images first.");
    return this.files.size > 0 && !this.isTooMuch;
  }
}

/** Dropped files, also those of dropped folders; these get their path. */
async function dropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  return (await Promise.all(entries.map((entry) => filesOf(entry, entry.isDirectory ? entry.name : "")))).flat();
}

async function filesOf(entry, path) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    if (path) file.path = path;
    return [file];
  }
  const reader = entry.createReader();
  const files = [];
  // A reader returns at most 100 entries at once.
  for (;;) {
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return files;
    for (const each of entries) files.push(...(await filesOf(each, `${path}/${each.name}`)));
  }
}

export function startAnonymize(about) {
  const files = new ChosenFiles($("anonymize-files"), about);
  const panel = new ProgressPanel($("anonymize-progress"));
  const compare = new Compare($("anonymize-compare"), "Original", "Anonymized");
  let originals = new Map();

  const run = async (begin) => {
    $("anonymize-error").textContent = "";
    $("anonymize-go").disabled = true;
    showOnly("anonymize-progress", ...PARTS);
    try {
      const job = await follow(panel, begin);
      showOnly(job ? "anonymize-result" : "anonymize-empty", ...PARTS);
      if (job) showResult(job, originals, compare);
    } catch (error) {
      showOnly("anonymize-empty", ...PARTS);
      if (!error.answer) throw error;
      if (error.answer.field === "photographs" || error.answer.reason) files.complain(inWords(error.answer));
      else $("anonymize-error").textContent = inWords(error.answer);
    } finally {
      $("anonymize-go").disabled = false;
    }
  };

  $("anonymize-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!files.require()) return files.input.focus();
    const body = new FormData();
    originals = new Map(files.files);
    for (const [name, file] of originals) body.append("photographs", file, name);
    body.append("model", chosenModel());
    run(() => ask("POST", "/anonymize", body));
  });
  if (about.job?.kind === "anonymize" && ["running", "done"].includes(about.job.state)) run(() => ask("GET", `/jobs/${about.job.id}`));
  return (pasted) => files.add(pasted);
}

function showResult(job, originals, compare) {
  const { files, metrics, download } = job.summary;
  const base = `/jobs/${job.id}/`;
  const made = files.filter((file) => file.out);
  const blurred = metrics.faces_blurred ? `, ${metrics.faces_blurred} blurred because no replacement passed the checks` : "";
  $("anonymize-note").textContent = !made.length ? "No image could be anonymized." : `${metrics.faces} ${metrics.faces === 1 ? "face" : "faces"} in ${made.length} ${made.length === 1 ? "image" : "images"}: ${metrics.faces_swapped} replaced${blurred}. Every file says that it is synthetic.`;
  save($("anonymize-save"), base + download, "anonymized.zip");
  const urls = new Map();
  const open = (file, button) => {
    for (const each of $("anonymize-film").children) each.setAttribute("aria-pressed", each === button);
    if (!urls.has(file.file) && originals.has(file.file)) urls.set(file.file, URL.createObjectURL(originals.get(file.file)));
    compare.show(urls.get(file.file) ?? "", base + file.shown);
  };
  $("anonymize-film").replaceChildren(...made.map((file) => {
    const button = make("button", { type: "button", title: file.file, "aria-pressed": "false", "aria-label": `${file.file}: ${file.num_swapped} replaced, ${file.num_blurred} blurred` }, make("img", { src: base + file.shown, alt: "" }));
    button.addEventListener("click", () => open(file, button));
    return button;
  }));
  $("anonymize-compare").hidden = $("anonymize-save").hidden = !made.length;
  document.querySelector("#anonymize-result .badge").hidden = !made.length;
  if (made.length) open(made[0], $("anonymize-film").firstChild);
  const left = files.filter((file) => !file.out);
  $("anonymize-left").hidden = !left.length;
  $("anonymize-left").querySelector("ul").replaceChildren(...left.map((file) => make("li", {}, make("b", { textContent: file.file }), ` ${leftOut(file)}`)));
  const outcome = $("anonymize-save").parentElement;
  outcome.querySelector(".secondary")?.remove();
  outcome.append(deleteButton(job, () => { showOnly("anonymize-empty", ...PARTS); announce("The files were deleted from the server."); }));
  announce(`${made.length} images are anonymized.`);
  if (matchMedia("(max-width: 60rem)").matches) $("anonymize-stage").scrollIntoView({ block: "start" });
}

/** Here an image without a face is no error of the user. */
const leftOut = (file) =>
  file.status === "no-face" ? "No face was found, so it is not in the ZIP file. Look at it yourself before you share it." : inWords({ reason: file.status, detail: file.detail });
