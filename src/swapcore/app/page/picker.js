// A field for one image or video: choose, drop, paste or take an example; preview; error.

import { announce, make } from "/dom.js";
import { fetchFile } from "/server.js";

export class Picker {
  /**
   * @param {HTMLElement} root
   * @param {{field: string, title: string, hint: string, accept: string, examples: string[]}} options
   */
  constructor(root, options) {
    this.options = options;
    this.file = null;
    this.onchange = () => {};
    const { field, title, hint, accept } = options;
    const id = `${root.id}-file`;
    const isVideo = accept.startsWith("video");
    this.input = make("input", { type: "file", id, accept, className: "hidden-text", "aria-describedby": `${id}-hint ${id}-error` });
    this.preview = isVideo ? make("video", { hidden: true, muted: true, playsInline: true, preload: "metadata" }) : make("img", { hidden: true, alt: `the ${field}` });
    this.name = make("span", { className: "file-name", hidden: true });
    this.prompt = make("span", { className: "prompt" }, make("b", { textContent: isVideo ? "Choose a video" : "Choose an image" }), make("span", { textContent: "or drop it here" }));
    this.drop = make("label", { className: "drop" }, this.input, this.preview, this.name, this.prompt);
    this.clearButton = make("button", { type: "button", className: "clear", hidden: true, textContent: "×", "aria-label": `Remove the ${field}` });
    this.error = make("p", { className: "field-error", id: `${id}-error`, role: "alert" });
    root.classList.add("picker");
    root.dataset.field = field;
    root.replaceChildren(
      make("p", { className: "field-title" }, make("label", { for: id, textContent: title }), make("span", { id: `${id}-hint`, textContent: hint })),
      make("div", { className: "drop-area" }, this.drop, this.clearButton),
      this.error,
      this.makeExamples(options.examples, isVideo),
    );
    this.listen();
  }

  makeExamples(paths, isVideo) {
    const group = make("div", { className: "examples", role: "group", "aria-label": `Examples for ${this.options.title.toLowerCase()}` });
    for (const [number, path] of paths.entries()) {
      const button = make("button", { type: "button", "aria-label": isVideo ? "Example video" : `Example ${number + 1}`, "aria-pressed": "false" });
      button.append(isVideo ? "Use the example video" : make("img", { src: path, alt: "", width: 96, height: 96, loading: "lazy" }));
      button.classList.toggle("wide", isVideo);
      button.addEventListener("click", async () => this.choose(await fetchFile(path), path));
      group.append(button);
    }
    return group;
  }

  listen() {
    this.input.addEventListener("change", () => this.choose(this.input.files[0]));
    this.clearButton.addEventListener("click", () => { this.clear(); this.input.focus(); });
    this.preview.addEventListener("error", () => this.showName());
    for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
      this.drop.addEventListener(kind, (event) => {
        event.preventDefault();
        this.drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
        if (kind === "drop") this.choose(event.dataTransfer.files[0]);
      });
    }
  }

  choose(file, example = "") {
    if (!file) return;
    this.clear({ silent: true });
    this.file = file;
    this.example = example;
    this.url = URL.createObjectURL(file);
    this.preview.src = this.url;
    this.preview.hidden = false;
    this.prompt.hidden = true;
    this.clearButton.hidden = false;
    this.markExample();
    announce(`${this.options.title}: ${example ? "example" : file.name}`);
    this.onchange();
  }

  /** Browsers cannot show every format that the server reads. */
  showName() {
    if (!this.file) return;
    this.preview.hidden = true;
    this.name.textContent = this.file.name;
    this.name.hidden = false;
  }

  clear({ silent = false } = {}) {
    if (this.url) URL.revokeObjectURL(this.url);
    this.file = this.url = null;
    this.example = "";
    this.input.value = "";
    this.preview.removeAttribute("src");
    this.preview.hidden = this.name.hidden = this.clearButton.hidden = true;
    this.prompt.hidden = false;
    this.complain("");
    this.markExample();
    if (!silent) this.onchange();
  }

  markExample() {
    for (const [number, button] of [...this.drop.closest(".picker").querySelectorAll(".examples button")].entries()) {
      button.setAttribute("aria-pressed", this.options.examples[number] === this.example);
    }
  }

  complain(text) {
    this.error.textContent = text;
    this.input.setAttribute("aria-invalid", Boolean(text));
    this.drop.classList.toggle("wrong", Boolean(text));
  }

  /** Complain if there is no file; return whether there is one. */
  require() {
    if (!this.file) this.complain(`Choose ${this.options.accept.startsWith("video") ? "a video" : "an image"} first.`);
    return Boolean(this.file);
  }
}
