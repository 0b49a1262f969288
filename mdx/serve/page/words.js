// Numbers and states in words.

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, index) => (index ? String(part).padStart(2, "0") : part)).join(":");
}

export function span(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

export const decibels = (value) => `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1).replace(/\.0$/, "")} dB`;

export const percent = (share) => `${Math.floor(100 * share)} %`;

export const wishWords = (wish) =>
  [wish.system, wish.precision, wish.two_stems ? `${wish.two_stems} and the rest` : null].filter(Boolean).join(", ");

const STAGES = { loading: "Loading the networks", reading: "Reading the song", done: "Writing the stems" };

export function share(job) {
  if (job.state === "uploading") return job.received / job.bytes;
  return job.total ? job.done / job.total : 0;
}

export function stateWords(job, before) {
  switch (job.state) {
    case "uploading": return `Uploading, ${percent(share(job))}`;
    case "queued": return before ? `Waiting for ${before} other song${before > 1 ? "s" : ""}` : "Next";
    case "working": {
      const stage = STAGES[job.stage] ?? `Separating, ${percent(share(job))}`;
      const left = job.seconds_left && job.stage !== "done" ? `, ${span(job.seconds_left)} left` : "";
      return stage + left;
    }
    case "done": return `Done: ${clock(job.samples / job.sample_rate)} of music in ${span(job.seconds)}`;
    case "failed": return job.error;
    case "cancelled": return "Cancelled";
    default: throw new Error(`a job is ${job.state}`);
  }
}
