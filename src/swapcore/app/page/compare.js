// Two images of one size under a slider, at any zoom.

import { make } from "/dom.js";

const STEP = 1.5;
const MAX_SCALE = 16;

export class Compare {
  constructor(root, before, after) {
    this.before = make("img", { alt: `before: ${before.toLowerCase()}`, draggable: false });
    this.after = make("img", { alt: `after: ${after.toLowerCase()}`, draggable: false, className: "after" });
    this.canvas = make("div", { className: "canvas" }, this.before, this.after);
    this.viewport = make("div", { className: "viewport", tabIndex: 0, role: "group", "aria-label": "Before and after. Plus and minus zoom, 0 fits, 1 shows the image’s own pixels, arrow keys move." }, this.canvas);
    this.divider = make("div", { className: "divider", "aria-hidden": "true" }, make("span", { textContent: "⇔" }));
    this.slider = make("input", { type: "range", min: 0, max: 100, value: 50, step: 0.5, "aria-label": `Show more of ${before.toLowerCase()} or result` });
    this.zoomText = make("output", { "aria-live": "off" });
    const button = (text, label, action) => {
      const made = make("button", { type: "button", textContent: text, "aria-label": label, title: label });
      made.addEventListener("click", action);
      return made;
    };
    this.tools = make(
      "div", { className: "tools" }, this.slider,
      make("div", { className: "zoom", role: "group", "aria-label": "Zoom" },
        button("−", "Zoom out", () => this.zoom(1 / STEP)), this.zoomText, button("+", "Zoom in", () => this.zoom(STEP)),
        button("Fit", "Fit the image", () => this.fit()), button("1:1", "Show the image’s own pixels", () => this.setScale(1))),
    );
    const frame = make("div", { className: "frame" }, this.viewport, this.divider, make("span", { className: "tag", textContent: before }), make("span", { className: "tag right", textContent: after }));
    root.classList.add("compare");
    root.replaceChildren(frame, this.tools);
    this.frame = frame;
    this.isFit = true;
    this.listen();
  }

  async show(before, after) {
    this.before.src = before;
    this.after.src = after;
    this.before.hidden = !before;
    this.frame.classList.toggle("single", !before);
    this.slider.disabled = !before;
    await Promise.all([before && this.before.decode(), this.after.decode()]).catch(() => {});
    this.slider.value = before ? 50 : 0;
    this.fit();
  }

  get fitScale() {
    const { naturalWidth: width, naturalHeight: height } = this.after;
    if (!width) return 1;
    return Math.min(this.frame.clientWidth / width, this.frame.clientHeight / height, 4) * devicePixelRatio;
  }

  fit() {
    this.setScale(this.fitScale);
    this.isFit = true;
  }

  zoom(factor, center) {
    this.setScale(this.scale * factor, center);
  }

  /** Set device pixels per image pixel and keep a point of the viewport (by default its middle) in place. */
  setScale(scale, center = { x: this.viewport.clientWidth / 2, y: this.viewport.clientHeight / 2 }) {
    const { naturalWidth: width, naturalHeight: height } = this.after;
    if (!width || !this.frame.clientWidth) return;
    this.isFit = false;
    const before = this.canvas.getBoundingClientRect();
    const frame = this.viewport.getBoundingClientRect();
    const inImage = { x: (center.x + frame.left - before.left) / (before.width || 1), y: (center.y + frame.top - before.top) / (before.height || 1) };
    this.scale = Math.min(Math.max(scale, Math.min(0.05, this.fitScale)), MAX_SCALE);
    const shown = this.scale / devicePixelRatio;
    this.canvas.style.width = `${width * shown}px`;
    this.canvas.style.height = `${height * shown}px`;
    this.canvas.classList.toggle("pixels", this.scale >= 4);
    this.viewport.scrollLeft = inImage.x * width * shown - center.x;
    this.viewport.scrollTop = inImage.y * height * shown - center.y;
    this.zoomText.textContent = `${Math.round(100 * this.scale)} %`;
    this.slide();
  }

  /** The visible part of the image in coordinates of the frame. */
  visible() {
    const frame = this.frame.getBoundingClientRect();
    const image = this.canvas.getBoundingClientRect();
    return { left: Math.max(0, image.left - frame.left), right: Math.min(frame.width, image.right - frame.left), offset: image.left - frame.left };
  }

  slide() {
    const { left, right, offset } = this.visible();
    const x = left + ((right - left) * this.slider.value) / 100;
    this.after.style.clipPath = `inset(0 0 0 ${x - offset}px)`;
    this.divider.style.transform = `translateX(${x}px)`;
  }

  moveTo(clientX) {
    const { left, right } = this.visible();
    const x = clientX - this.frame.getBoundingClientRect().left;
    this.slider.value = (100 * (x - left)) / Math.max(1, right - left);
    this.slide();
  }

  get isScrollable() {
    return this.viewport.scrollWidth > this.viewport.clientWidth + 1 || this.viewport.scrollHeight > this.viewport.clientHeight + 1;
  }

  listen() {
    this.slider.addEventListener("input", () => this.slide());
    this.viewport.addEventListener("scroll", () => this.slide());
    new ResizeObserver(() => (this.isFit ? this.fit() : this.slide())).observe(this.frame);
    this.viewport.addEventListener("keydown", (event) => this.onKey(event));
    this.viewport.addEventListener("dblclick", () => (this.isFit ? this.setScale(Math.max(1, 2 * this.scale)) : this.fit()));
    this.viewport.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const frame = this.viewport.getBoundingClientRect();
      this.zoom(Math.exp(-event.deltaY / 200), { x: event.clientX - frame.left, y: event.clientY - frame.top });
    }, { passive: false });
    this.divider.addEventListener("pointerdown", (event) => this.drag(event, this.divider, (move) => this.moveTo(move.clientX)));
    this.viewport.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      if (!this.isScrollable) {
        this.moveTo(event.clientX);
        this.drag(event, this.viewport, (move) => this.moveTo(move.clientX));
      } else if (event.pointerType === "mouse") {
        this.drag(event, this.viewport, (move) => this.viewport.scrollBy(-move.movementX, -move.movementY));
      }
    });
  }

  drag(event, element, move) {
    element.setPointerCapture(event.pointerId);
    element.addEventListener("pointermove", move);
    const end = () => element.removeEventListener("pointermove", move);
    element.addEventListener("pointerup", end, { once: true });
    element.addEventListener("pointercancel", end, { once: true });
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = { "+": () => this.zoom(STEP), "=": () => this.zoom(STEP), "-": () => this.zoom(1 / STEP), 0: () => this.fit(), 1: () => this.setScale(1) };
    if (!this.isScrollable) {
      actions.ArrowLeft = () => this.nudge(-2);
      actions.ArrowRight = () => this.nudge(2);
    }
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  nudge(step) {
    this.slider.value = Number(this.slider.value) + step;
    this.slide();
  }
}
