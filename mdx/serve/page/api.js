// Requests to the server, and its words where it refuses.

export async function ask(method, path, body) {
  const json = body !== undefined && !(body instanceof Blob);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      body: json ? JSON.stringify(body) : body,
      headers: json ? { "Content-Type": "application/json" } : {},
    });
  } catch {
    throw new Error("the server does not answer; is mdx serve still running?");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error ?? `the server answers ${answer.status}`);
}

export const askJson = async (method, path, body) => (await ask(method, path, body)).json();

export const bytesOf = async (path) => (await ask("GET", path)).arrayBuffer();

export const jobPath = (job, rest = "") => `/api/jobs/${job.id}${rest}`;

export const trackPath = (job, what, track) => jobPath(job, `/${what}/${track.kind}/${encodeURIComponent(track.name)}`);

// Jobs as they are, and each one that changes; the browser connects again by itself.
export function listen({ all, one, gone, lost }) {
  const source = new EventSource("/api/events");
  source.addEventListener("all", (event) => all(JSON.parse(event.data)));
  source.addEventListener("job", (event) => one(JSON.parse(event.data)));
  source.addEventListener("gone", (event) => gone(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    lost();
    // It gives up for good where the answer was no stream, as while the server starts.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen({ all, one, gone, lost }), 2000);
  });
}
