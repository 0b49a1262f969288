// For researchers: scores against true stems, and the same song by another system.

import { ask, askJson, jobPath } from "./api.js";
import { truthOf } from "./drop.js";
import { button, make } from "./elements.js";
import { precisionChoices } from "./wish.js";
import { wishWords } from "./words.js";

const METRICS = { sdr: "global SDR", sdr_median_of_frames: "median of frames" };

export class Research {
  constructor(context, job) {
    this.context = context;
    this.job = job;
    this.table = make("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Scores" });
    this.told = make("p", { class: "soft", role: "status" });
    this.element = make("details", { class: "research" }, make("summary", {}, "Compare and score"),
      make("div", { class: "parts" }, this.#scores(), this.#another()));
  }

  #scores() {
    const picked = (event) => this.#take([...event.target.files].map((file) => ({ file, path: file.name })));
    const input = make("input", {
      type: "file", class: "hidden truth", multiple: true, accept: ".wav,.flac", onchange: picked,
    });
    this.score = button("Score", () => this.#score(), { class: "score" });
    const words = this.context.facts.canScore
      ? "The song's own bass, drums, other and vocals as WAV or FLAC, named like that, as in a folder of MUSDB."
      : "True stems can be listened to; scores need the whole repository rather than its wheel alone.";
    return make("div", {}, make("h3", {}, "True stems"), make("p", { class: "soft" }, words),
      make("p", { class: "bar" }, make("label", { class: "button" }, "Choose true stems", input), this.score),
      this.told, this.table);
  }

  #another() {
    const { systems, system } = this.context.facts;
    const here = systems.filter((it) => it.here);
    const name = make("select", { "aria-label": "Other system", onchange: () => fill() },
      ...here.map((it) => make("option", { value: it.name }, it.name)));
    const precision = make("select", { "aria-label": "Other precision" });
    const chosen = () => here.find((it) => it.name === name.value);
    const fill = () => precision.replaceChildren(...precisionChoices(chosen(), this.context.facts.precision));
    name.value = here.find((it) => it.name !== this.job.wish.system)?.name ?? system;
    fill();
    const wish = () => ({ ...this.job.wish, system: name.value, precision: precision.value });
    const go = button("Separate with it", () => this.#again(wish()), { class: "again" });
    return make("div", {}, make("h3", {}, "Another system"),
      make("p", { class: "soft" }, "When it is done, both are versions of this player: they play at the same place, blind if you like."),
      make("p", { class: "bar" }, name, precision, go));
  }

  async #take(files) {
    const truth = truthOf(files);
    if (!Object.keys(truth).length) return this.#say("None of these files is named bass, drums, other or vocals.");
    await this.#busy("Sending the true stems", () => this.context.uploads.sendTruth(this.job, truth));
  }

  async #score() {
    await this.#busy("Scoring", async () => {
      for (const other of this.#jobs()) if (!other.scores) await ask("POST", jobPath(other, "/scores"));
    });
  }

  // Scores of half of the true stems would be out of date at once: one thing at a time.
  async #busy(words, work) {
    this.busy = true;
    this.update(this.job, this.blind);
    this.#say(words);
    try {
      await work();
      this.#say("");
    } catch (error) {
      this.#say(error.message);
    }
    this.busy = false;
    this.update(this.job, this.blind);
  }

  async #again(wish) {
    try {
      await askJson("POST", jobPath(this.job, "/again"), wish);
      this.#say("");
    } catch (error) {
      this.#say(error.message);
    }
  }

  #jobs() {
    return this.context.all().filter((it) => it.song === this.job.song && it.state === "done");
  }

  #say(text) {
    this.told.textContent = text;
  }

  // While versions are blind, scores would tell them apart.
  update(job, blind) {
    this.job = job;
    this.blind = blind;
    const jobs = this.#jobs();
    this.score.disabled = this.busy || !this.context.facts.canScore || !job.truth.length || jobs.every((it) => it.scores);
    this.table.hidden = blind || !jobs.some((it) => it.scores);
    if (this.table.hidden) return this.table.replaceChildren();
    const scored = jobs.filter((it) => it.scores);
    const columns = scored.flatMap((it) => Object.keys(METRICS).map((metric) => [it, metric]));
    const number = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
    this.table.replaceChildren(make("table", {},
      make("caption", { class: "soft" }, "SDR in dB"),
      make("thead", {}, make("tr", {}, make("th", {}, ""), ...columns.map(([it, metric]) =>
        make("th", { scope: "col" }, `${wishWords(it.wish)}: `, make("br"), METRICS[metric])))),
      make("tbody", {}, ...["song", ...job.truth].map((source) =>
        make("tr", {}, make("th", { scope: "row" }, source === "song" ? "mean" : source),
          ...columns.map(([it, metric]) => make("td", {}, number(it.scores[metric][source]))))))));
  }
}
