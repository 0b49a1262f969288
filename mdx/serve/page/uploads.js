// Sending songs, two at a time, and their true stems once they are separated.

import { ask, askJson, jobPath } from "./api.js";

const AT_ONCE = 2;

export class Uploads {
  #waiting = [];
  #active = 0;
  #truths = new Map(); // by job: files of true stems that wait for its song

  constructor({ mostUpload, complain }) {
    this.mostUpload = mostUpload;
    this.complain = complain;
  }

  // Whether files wait here, which closing or reloading the page would lose.
  get unsent() {
    return this.#active + this.#waiting.length + this.#truths.size > 0;
  }

  async add(songs, wish) {
    for (const song of songs) {
      const { file, name, truth } = song;
      if (!file.size || file.size > this.mostUpload) {
        const most = `${Math.round(this.mostUpload / 1e6)} MB`;
        this.complain(`${name}: got ${file.size ? `${Math.round(file.size / 1e6)} MB` : "an empty file"}, expected up to ${most}`);
        continue;
      }
      try {
        const job = await askJson("POST", "/api/jobs", { name, bytes: file.size, ...wish });
        if (Object.keys(truth).length) this.#truths.set(job.id, truth);
        this.#waiting.push({ job, file });
        this.#next();
      } catch (error) {
        this.complain(`${name}: ${error.message}`);
      }
    }
  }

  // A job has changed: true stems need the length of its song, which is known once it is read.
  async follow(job) {
    const truth = this.#truths.get(job.id);
    if (!truth || !(job.samples || job.state === "failed" || job.state === "cancelled")) return;
    this.#truths.delete(job.id);
    if (job.samples) await this.sendTruth(job, truth).catch((error) => this.complain(`${job.name}: ${error.message}`));
  }

  async sendTruth(job, truth) {
    for (const [source, file] of Object.entries(truth)) await ask("PUT", jobPath(job, `/truth/${source}`), file);
  }

  async #next() {
    if (this.#active >= AT_ONCE || !this.#waiting.length) return;
    const { job, file } = this.#waiting.shift();
    this.#active += 1;
    try {
      await ask("PUT", jobPath(job, "/file"), file);
    } catch {
      // The list says why: the job has failed, or was cancelled.
    } finally {
      this.#active -= 1;
      this.#next();
    }
  }
}
