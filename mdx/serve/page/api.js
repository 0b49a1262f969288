// Requests to the server, and its words where it refuses.

export async function ask(method, path, body, signal) {
  const json = body !== undefined && !(body instanceof Blob);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      signal,
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

// Jobs as they are, and each one that changes; the browser connects again by itself. A browser has
// six connections to a server for all its windows: one that is hidden gives its own back, unless it
// `isNeeded`, and gets all jobs anew once it is seen again.
export function listen({ all, one, gone, lost, isNeeded }) {
  let source = null;
  const settle = () => {
    const wanted = !document.hidden || isNeeded();
    if (wanted && !source) connect();
    else if (!wanted && source) {
      source.close();
      source = null;
    }
  };
  const connect = () => {
    source = new EventSource("/api/events");
    for (const [name, tell] of Object.entries({ all, job: one, gone })) {
      source.addEventListener(name, (event) => {
        tell(JSON.parse(event.data));
        settle(); // the last file may have been sent meanwhile
      });
    }
    source.addEventListener("error", () => {
      lost();
      // It gives up for good where the answer was no stream, as while the server starts.
      if (source.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(settle, 2000);
    });
  };
  document.addEventListener("visibilitychange", settle);
  settle();
}
