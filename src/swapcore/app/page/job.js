// Progress of a request or of a job, with a button that cancels it.

import { $, make, seconds } from "/dom.js";
import { ask, ServerError } from "/server.js";

const POLL_MS = 600;
/** Phase of the server to words and to its share of the whole, in order. */
const PHASES = {
  anonymize: { detecting: ["Finding faces", 0.15], "rendering people": ["Making people who do not exist", 0.35], anonymizing: ["Replacing faces", 0.5] },
  video: { tracking: ["Following the face", 0.25], swapping: ["Swapping the face", 0.6], measuring: ["Checking the result", 0.15] },
};

export class ProgressPanel {
  constructor(root) {
    this.root = root;
    root.classList.add("progress");
    this.title = make("p", { className: "progress-title", role: "status" });
    this.bar = make("progress", { max: 1, "aria-label": "Progress" });
    this.note = make("p", { className: "faint" });
    this.cancelButton = make("button", { type: "button", className: "secondary", textContent: "Cancel" });
    this.cancelButton.addEventListener("click", () => {
      this.cancelButton.disabled = true;
      this.title.textContent = "Canceling …";
      this.cancel();
    });
    root.replaceChildren(this.title, this.bar, this.note, this.cancelButton);
  }

  start(title, cancel) {
    this.started = performance.now();
    this.cancel = cancel;
    this.cancelButton.disabled = false;
    this.root.hidden = false;
    this.update(title, null);
    this.clock = setInterval(() => this.tick(), 1000);
  }

  update(title, share) {
    if (!this.cancelButton.disabled) this.title.textContent = title;
    if (share !== this.share) this.changed = performance.now();
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
    this.share = share;
    this.tick();
  }

  tick() {
    const elapsed = (performance.now() - this.started) / 1000;
    // Between two steps the estimate counts down; in the first steps it would be wrong.
    const atChange = (this.changed - this.started) / 1000;
    const left_s = (atChange / this.share) * (1 - this.share) - (elapsed - atChange);
    const left = this.share > 0.3 && elapsed > 5 ? `, about ${seconds(Math.max(1, left_s))} left` : "";
    const percent = this.share === null ? "" : `${Math.round(100 * this.share)} %, `;
    this.note.textContent = `${percent}${seconds(elapsed)}${left}`;
  }

  stop() {
    clearInterval(this.clock);
    this.root.hidden = true;
  }
}

/** Words and share of the whole, between 0 and 1, of a job's answer; a share of null is unknown. */
export function progressOf(job, lastTotal) {
  const phases = Object.entries(PHASES[job.kind]);
  const place = phases.findIndex(([name]) => name === job.phase);
  if (place < 0) return ["Starting. The first job takes longer, because more of the program is loaded.", null];
  const before = phases.slice(0, place).reduce((sum, [, [, share]]) => sum + share, 0);
  const [words, share] = phases[place][1];
  const total = job.total ?? lastTotal;
  const count = job.total ? ` (${job.done} of ${job.total})` : "";
  return [`Step ${place + 1} of ${phases.length}: ${words.toLowerCase()}${count}`, before + share * (total ? Math.min(1, job.done / total) : 0)];
}

/**
 * Start a job, or follow one that runs already, until it ends. Returns its last answer, or null if it was canceled.
 * Throws a ServerError if it fails.
 */
export async function follow(panel, begin) {
  let id = null;
  let isCanceled = false;
  const cancel = () => {
    isCanceled = true;
    if (id) ask("DELETE", `/jobs/${id}`).catch(() => {});
  };
  panel.start("Sending the files", cancel);
  try {
    let job = await begin();
    id = job.id;
    if (isCanceled) cancel();
    let lastTotal = null;
    while (job.state === "running") {
      lastTotal = job.total ?? lastTotal;
      panel.update(...progressOf(job, lastTotal));
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      job = await ask("GET", `/jobs/${id}`);
    }
    if (job.state === "failed") throw new ServerError(job);
    return job.state === "done" && !isCanceled ? job : null;
  } finally {
    panel.stop();
  }
}

/** A button that deletes a finished job's files on the server. */
export function deleteButton(job, done) {
  const button = make("button", { type: "button", className: "secondary", textContent: "Delete from the server" });
  button.addEventListener("click", async () => {
    await ask("DELETE", `/jobs/${job.id}`).catch(() => {});
    done();
  });
  return button;
}

export const chosenModel = () => $("model").value;
