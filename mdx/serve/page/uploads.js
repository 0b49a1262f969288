// Sending songs, two at a time, and their true stems once they are separated.

import { ask, askJson, jobPath } from "./api.js";

const AT_ONCE = 2;
const MOST_REASONS = 10; // that are shown of a drop

export class Uploads {
  #waiting = [];
  #sending = new Map(); // by job: what breaks its upload off
  #truths = new Map(); // by job: files of true stems that wait for its song

  constructor({ mostUpload, complain }) {
    this.mostUpload = mostUpload;
    this.complain = complain;
  }

  // Whether files wait here, which closing or reloading the page would lose.
  get unsent() {
    return this.#sending.size + this.#waiting.length + this.#truths.size > 0;
  }

  async add(songs, wish) {
    const reasons = [];
    for (const song of songs) {
      await this.#enter(song, wish).catch((error) => reasons.push(`${song.name}: ${error.message}`));
    }
    const more = reasons.length - MOST_REASONS;
    if (more > 0) reasons.splice(MOST_REASONS, more, `and ${more} more`);
    if (reasons.length) this.complain(reasons.join("\n"));
  }

  async #enter({ file, name, truth }, wish) {
    if (!file.size || file.size > this.mostUpload) {
      const got = file.size ? `${Math.round(file.size / 1e6)} MB` : "an empty file";
      throw new Error(`got ${got}, expected up to ${Math.round(this.mostUpload / 1e6)} MB`);
    }
    const job = await askJson("POST", "/api/jobs", { name, bytes: file.size, ...wish });
    if (Object.keys(truth).length) this.#truths.set(job.id, truth);
    this.#waiting.push({ job, file });
    this.#next();
  }

  // A job has changed: true stems need the length of its song, which is known once it is read.
  async follow(job) {
    const truth = this.#truths.get(job.id);
    if (job.state === "failed" || job.state === "cancelled") this.drop(job.id);
    if (!truth || !job.samples) return;
    this.#truths.delete(job.id);
    await this.sendTruth(job, truth).catch((error) => this.complain(`${job.name}: ${error.message}`));
  }

  async sendTruth(job, truth) {
    for (const [source, file] of Object.entries(truth)) await ask("PUT", jobPath(job, `/truth/${source}`), file);
  }

  // Nobody needs the file of a job that has ended: the others go on with the connection.
  drop(id) {
    this.#truths.delete(id);
    this.#waiting = this.#waiting.filter(({ job }) => job.id !== id);
    this.#sending.get(id)?.abort();
  }

  async #next() {
    if (this.#sending.size >= AT_ONCE || !this.#waiting.length) return;
    const { job, file } = this.#waiting.shift();
    const breaker = new AbortController();
    this.#sending.set(job.id, breaker);
    try {
      await ask("PUT", jobPath(job, "/file"), file, breaker.signal);
    } catch {
      // The list says why: the job has failed, or was cancelled.
    } finally {
      this.#sending.delete(job.id);
      this.#next();
    }
  }
}
