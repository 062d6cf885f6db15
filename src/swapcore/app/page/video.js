// The tab for a video: preview of one frame, then a job with progress, then the result.

import { Compare } from "/compare.js";
import { $, announce, inWords, megabytes, save, showOnly } from "/dom.js";
import { chosenModel, deleteButton, follow, ProgressPanel } from "/job.js";
import { Picker } from "/picker.js";
import { ask } from "/server.js";

const PARTS = ["video-empty", "video-progress", "video-preview", "video-result"];

export function startVideo(about) {
  const source = new Picker($("video-source"), { field: "source", title: "Source", hint: "gives the face", accept: "image/*,.heic,.heif,.avif", examples: about.examples });
  const clip = new Picker($("video-clip"), { field: "video", title: "Video", hint: "up to a minute", accept: "video/*", examples: [about.clip] });
  const panel = new ProgressPanel($("video-progress"));
  const compare = new Compare($("video-compare"), "Original", "Result");
  const original = $("video-original").querySelector("video");
  const result = $("video-result").querySelector("video");
  const fields = { source, video: clip };
  playTogether(result, original);

  source.onchange = () => ($("video-error").textContent = "");
  clip.onchange = () => {
    $("video-error").textContent = "";
    $("video-original").hidden = !clip.file;
    if (clip.file) original.src = clip.url;
    else original.removeAttribute("src");
    showOnly(clip.file ? "" : "video-empty", ...PARTS);
  };

  const isComplete = () => {
    const complete = [source.require(), clip.require()].every(Boolean);
    if (!complete) (source.file ? clip : source).input.focus();
    return complete;
  };
  const showError = (error) => {
    if (error.name === "AbortError") return;
    if (!error.answer) throw error;
    const field = fields[error.answer.field === "template" ? "video" : error.answer.field];
    if (field) field.complain(inWords(error.answer));
    else $("video-error").textContent = inWords(error.answer);
  };

  $("video-try").addEventListener("click", async () => {
    if (!isComplete()) return;
    const frame = await grab(original);
    if (!frame) return clip.complain("This browser cannot show the video, so there is no preview. The swap may work all the same.");
    const body = new FormData();
    body.append("source", source.file);
    body.append("template", frame, "frame.png");
    body.append("face", "largest");
    body.append("model", chosenModel());
    const aborter = new AbortController();
    setBusy(true);
    showOnly("video-progress", ...PARTS);
    panel.start("Swapping one frame", () => aborter.abort());
    try {
      const swapped = await ask("POST", "/swap", body, aborter.signal);
      showOnly("video-preview", ...PARTS);
      await compare.show(swapped.template, swapped.result);
      announce("The preview is ready.");
    } catch (error) {
      showOnly("", ...PARTS);
      showError(error);
    } finally {
      panel.stop();
      setBusy(false);
    }
  });

  const run = async (begin) => {
    $("video-error").textContent = "";
    setBusy(true);
    showOnly("video-progress", ...PARTS);
    try {
      const job = await follow(panel, begin);
      showOnly(job ? "video-result" : clip.file ? "" : "video-empty", ...PARTS);
      if (job) showResult(job, result);
    } catch (error) {
      showOnly(clip.file ? "" : "video-empty", ...PARTS);
      showError(error);
    } finally {
      setBusy(false);
    }
  };

  $("video-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isComplete()) return;
    if (source.file.size + clip.file.size > about.limits.job_bytes) return clip.complain(`The video has more than ${megabytes(about.limits.job_bytes)}. Use a shorter one.`);
    const body = new FormData();
    body.append("source", source.file);
    body.append("video", clip.file);
    body.append("model", chosenModel());
    run(() => ask("POST", "/video", body));
  });
  if (about.job?.kind === "video" && ["running", "done"].includes(about.job.state)) run(() => ask("GET", `/jobs/${about.job.id}`));
  return (files) => {
    for (const file of files) (file.type.startsWith("video/") ? clip : source).choose(file);
  };
}

function setBusy(isBusy) {
  $("video-go").disabled = $("video-try").disabled = isBusy;
}

function showResult(job, result) {
  const { frames, swapped, download } = job.summary;
  const url = `/jobs/${job.id}/${download}`;
  result.src = url;
  save($("video-save"), url, "swapped.mp4");
  const left = frames - swapped ? ` The other ${frames - swapped} show no face that can be swapped and are unchanged.` : "";
  $("video-note").textContent = `The face was replaced in ${swapped} of ${frames} frames.${left} The file says that it is synthetic: by watermarks and a signed manifest.`;
  const outcome = $("video-save").parentElement;
  outcome.querySelector(".secondary")?.remove();
  outcome.append(deleteButton(job, () => {
    result.removeAttribute("src");
    showOnly($("video-original").hidden ? "video-empty" : "", ...PARTS);
    announce("The files were deleted from the server.");
  }));
  announce("The video is ready.");
  if (matchMedia("(max-width: 60rem)").matches) $("video-result").scrollIntoView({ block: "start" });
}

/** Play, pause and move the original with the result. */
function playTogether(result, original) {
  const align = () => { if (original.src && Math.abs(original.currentTime - result.currentTime) > 0.08) original.currentTime = result.currentTime; };
  result.addEventListener("play", () => { align(); original.play().catch(() => {}); });
  result.addEventListener("pause", () => { original.pause(); align(); });
  result.addEventListener("seeked", align);
}

/** The frame that a video shows, as PNG; null if the browser cannot decode the video. */
async function grab(video) {
  video.pause();
  if (video.readyState < 2) {
    await new Promise((resolve) => {
      for (const kind of ["loadeddata", "error"]) video.addEventListener(kind, resolve, { once: true });
      setTimeout(resolve, 4000);
    });
  }
  if (!video.videoWidth || video.readyState < 2) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
