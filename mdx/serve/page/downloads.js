// Downloads of a song: all stems, the mix as the faders have it, a karaoke track.

import { jobPath } from "./api.js";
import { make } from "./elements.js";

export class Downloads {
  constructor(job, formats, rows) {
    this.job = job;
    this.rows = rows;
    this.format = make("select", { "aria-label": "Format of downloads", onchange: () => this.update() },
      ...formats.map((it) => make("option", { value: it }, it.toUpperCase())));
    const link = (text, name) => {
      const element = make("a", { class: `button ${name}` }, text);
      element.setAttribute("download", "");
      return element;
    };
    this.zip = link("All stems (zip)", "zip");
    this.mix = link("This mix", "mix");
    this.karaoke = link("Karaoke", "karaoke");
    this.karaoke.title = "Everything but the vocals";
    this.karaoke.hidden = !(job.stems.includes("vocals") && job.stems.length > 1);
    this.element = make("div", { class: "bar downloads" },
      make("span", { class: "soft" }, "Download"), this.format, this.zip, this.mix, this.karaoke);
    this.gains = new Map(rows.map((row) => [row.name, 1]));
    this.update();
  }

  // The gains of this job's stems, as they sound now.
  setGains(gains) {
    this.gains = gains;
    this.update();
  }

  update() {
    const format = this.format.value;
    const mixOf = (gains) => {
      const query = new URLSearchParams([["format", format], ...gains.map(([name, gain]) => ["gain", `${name}:${gain.toFixed(4)}`])]);
      return `${jobPath(this.job, "/mix")}?${query}`;
    };
    for (const row of this.rows) row.download.href = `${jobPath(this.job, `/stem/${encodeURIComponent(row.name)}`)}?format=${format}`;
    this.zip.href = `${jobPath(this.job, "/zip")}?format=${format}`;
    const audible = [...this.gains].filter(([, gain]) => gain > 0);
    this.mix.setAttribute("aria-disabled", String(!audible.length));
    if (audible.length) this.mix.href = mixOf(audible);
    else this.mix.removeAttribute("href");
    this.karaoke.href = mixOf(this.job.stems.filter((name) => name !== "vocals").map((name) => [name, 1]));
  }
}
