// Downloads of what is heard: its stems, all of them, the mix as the faders have it, a karaoke track.

import { ask, jobPath } from "./api.js";
import { make } from "./elements.js";

export class Downloads {
  #job = null;
  #gains = new Map();

  constructor(formats, rows, complain) {
    this.rows = rows;
    this.complain = complain;
    this.format = make("select", { "aria-label": "Format of downloads", onchange: () => this.#update() },
      ...formats.map((it) => make("option", { value: it }, it.toUpperCase())));
    const link = (text, name) => make("a", { class: `button ${name}`, download: "" }, text);
    this.zip = link("All stems (zip)", "zip");
    this.mix = link("This mix", "mix");
    this.karaoke = link("Karaoke", "karaoke");
    this.karaoke.title = "Everything but the vocals";
    for (const it of [this.zip, this.mix, this.karaoke, ...rows.map((row) => row.download)]) {
      it.addEventListener("click", (event) => this.#take(event));
    }
    this.element = make("div", { class: "bar downloads" },
      make("span", { class: "soft" }, "Download"), this.format, this.zip, this.mix, this.karaoke);
  }

  // The job whose stems play, or null where there is nothing to download, and the gains of its stems.
  show(job, gains) {
    this.#job = job;
    this.#gains = gains;
    this.#update();
  }

  #update() {
    const job = this.#job, format = this.format.value;
    const stems = job?.stems ?? [];
    const point = (link, rest, query = []) => {
      link.setAttribute("aria-disabled", String(!rest));
      if (rest) link.href = `${jobPath(job, rest)}?${new URLSearchParams([["format", format], ...query])}`;
      else link.removeAttribute("href");
    };
    const pointMix = (link, gains) =>
      point(link, gains.length && "/mix", gains.map(([name, gain]) => ["gain", `${name}:${gain.toFixed(4)}`]));
    for (const { name, download } of this.rows) {
      point(download, stems.includes(name) && `/stem/${encodeURIComponent(name)}`);
    }
    point(this.zip, job && "/zip");
    pointMix(this.mix, [...this.#gains].filter(([name, gain]) => gain > 0 && stems.includes(name)));
    pointMix(this.karaoke, stems.filter((name) => name !== "vocals").map((name) => [name, 1]));
    this.karaoke.hidden = Boolean(job) && !(stems.includes("vocals") && stems.length > 1);
    this.element.title = job ? "" : "Only separated stems can be downloaded, and not while versions are blind";
  }

  // A file takes a while to be made, and may be refused, which nobody would see of a link.
  async #take(event) {
    const link = event.currentTarget, { href } = link;
    event.preventDefault();
    if (!href || link.getAttribute("aria-busy") === "true") return;
    this.complain("");
    link.setAttribute("aria-busy", "true");
    try {
      await ask("POST", href);
      make("a", { href, download: "" }).click();
    } catch (error) {
      this.complain(error.message);
    }
    link.setAttribute("aria-busy", "false");
  }
}
