// Requests to this page's own server.

export class ServerError extends Error {
  constructor(answer) {
    super(answer.error);
    this.answer = answer;
  }
}

const GONE = { error: "There is no answer from the server. Is `swapcore app` still running?", field: "", reason: "" };

export async function ask(method, path, body, signal) {
  let response;
  try {
    response = await fetch(path, { method, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError(GONE);
  }
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok) throw new ServerError(answer);
  return answer;
}

/** Fetch a file of this server as a File, so that an example is the same as a chosen file. */
export async function fetchFile(path) {
  const blob = await (await fetch(path)).blob();
  return new File([blob], path.split("/").pop(), { type: blob.type });
}
