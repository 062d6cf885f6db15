// Elements, announcements, and plain words for errors.

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Show exactly one of a stage's parts; ids of the others are hidden. */
export function showOnly(shown, ...all) {
  for (const id of all) $(id).hidden = id !== shown;
}

export function announce(text) {
  $("announcement").textContent = text;
}

const WORDS = {
  "no-face": "No face was found. Use an image with a frontal, upright face that is not too small.",
  "several-faces": "There are several faces. Use an image of one person.",
  "too-small": "The face is too small. Use an image in which the eyes are at least 20 pixels apart.",
  "turned": "The head is turned too far. Use an image that shows both eyes.",
  "not-an-image": "This file is not an image that can be read. Use JPEG, PNG, HEIC, WebP, AVIF, TIFF, BMP or GIF.",
  "truncated": "The file is damaged or cut off.",
  "unsupported": "This kind of image is not supported. Save it as JPEG or PNG.",
  "empty": "The file is empty.",
  "bad-name": "The name of the file cannot be used. Rename it.",
};

/** An error of the server in plain words. */
export function inWords({ reason, detail, error }) {
  const text = WORDS[reason] ?? detail ?? error ?? "Something went wrong.";
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

export const seconds = (number) =>
  number < 60 ? `${Math.round(number)} s` : `${Math.floor(number / 60)} min ${Math.round(number % 60)} s`;

export const megabytes = (bytes) => (bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} kB` : `${Math.round(bytes / 2 ** 20)} MB`);

export function save(link, url, name) {
  link.href = url;
  link.download = name;
}
