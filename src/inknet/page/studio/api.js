// Calls to the studio's server. Every failure is an Error whose message is one sentence to show.

const SILENT = "The studio does not answer. Start it again with: inknet studio";

/** A path with its parameters; those that are null, undefined or "" are left out. */
export function address(path, params = {}) {
  const given = Object.entries(params ?? {}).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  const query = new URLSearchParams(given).toString();
  return query ? `${path}?${query}` : path;
}

async function call(method, path, params, body, headers = {}) {
  let response;
  try {
    response = await fetch(address(path, params), { method, body, headers, cache: "no-store" });
  } catch {
    throw new Error(SILENT);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Error(answer?.error ?? `The studio refused this (status ${response.status}).`);
  }
  if (answer === null) throw new Error(SILENT);
  return answer;
}

export function get(path, params) {
  return call("GET", path, params);
}

/** Send JSON, or a picture if `body` is a Blob. */
export function post(path, params, body = {}) {
  if (body instanceof Blob) {
    const type = body.type.startsWith("image/") ? body.type : "application/octet-stream";
    return call("POST", path, params, body, { "Content-Type": type });
  }
  return call("POST", path, params, JSON.stringify(body), { "Content-Type": "application/json" });
}

export function remove(path, params) {
  return call("DELETE", path, params);
}
