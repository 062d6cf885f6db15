// The facts of the About tab that the server states.

import { $, make, megabytes } from "/dom.js";

export function showAbout({ limits, models }) {
  $("limits").replaceChildren(...[
    `Images: JPEG, PNG, WebP, HEIC, AVIF, TIFF, BMP or GIF, at most ${limits.megapixels} megapixels; source and template together at most ${megabytes(limits.swap_bytes)}.`,
    `Anonymize: at most ${limits.photographs} images and ${megabytes(limits.job_bytes)} at once.`,
    `Video: at most ${limits.frames} frames (a minute at 30 frames per second), ${limits.video_megapixels} megapixels per frame and ${megabytes(limits.job_bytes)}.`,
    "One job at a time. The commands of swapcore have none of these limits.",
  ].map((textContent) => make("li", { textContent })));
  $("models").replaceChildren(...models.flatMap((each) => [make("dt", { textContent: each.label }), make("dd", { textContent: each.details })]));
}
