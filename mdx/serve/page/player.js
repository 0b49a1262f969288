// The player of a song: rows of tracks on one clock.

import { bytesOf, trackPath } from "./api.js";
import { AudioElements } from "./audio-elements.js";
import { WebAudio, hasWebAudio } from "./audio.js";
import { Downloads } from "./downloads.js";
import { button, make, press } from "./elements.js";
import { loudestOf } from "./pictures.js";
import { Research } from "./research.js";
import { Row } from "./row.js";
import { SideChoice, sidesOf } from "./sides.js";
import { clock } from "./words.js";

export class Player {
  #onlyOriginal = false;
  #pictures = "peaks";
  #drawn = new Map(); // by row: the track whose picture it shows

  constructor(context, job) {
    this.context = context;
    this.job = job;
    this.duration = job.samples / job.sample_rate;
    this.original = { job, kind: "original", name: "mixture" };
    this.loudest = bytesOf(trackPath(job, "peaks", this.original)).then(loudestOf);
    const seek = (share) => this.seek(share * this.duration);
    this.rows = job.stems.map((name, index) =>
      new Row({ name, label: name, number: index + 1, onChange: () => this.#mix(), onSeek: seek }));
    this.whole = new Row({
      name: "original", label: "original", isOriginal: true, onSeek: seek, onOriginal: () => this.toggleOriginal(),
    });
    this.sides = new SideChoice(() => this.#mix());
    this.downloads = new Downloads(context.facts.formats, this.rows, (text) => this.#say(text));
    this.research = new Research(context, job);
    this.playButton = button("Play", () => this.toggle(), { class: "play primary", title: "Key: space" });
    this.time = make("span", { class: "time", role: "timer", "aria-label": "Position" });
    this.kind = button("Spectrograms", () => this.#switchPictures(), { class: "spectrograms", "aria-pressed": "false" });
    this.told = make("p", { class: "alarm", role: "alert", hidden: true });
    this.element = make("div", { class: "player", role: "group", "aria-label": `Player of ${job.name}` },
      make("div", { class: "bar" }, this.playButton, this.time, this.sides.element, make("span", { class: "push" }, this.kind)),
      this.told, make("div", { class: "tracks" }, ...this.rows.map((row) => row.element), this.whole.element),
      this.downloads.element, this.research.element);
    this.update(job);
  }

  // New versions of the song may have come, or true stems, or others in their place.
  update(job) {
    this.job = job;
    const sides = sidesOf(job, this.context.all());
    const signature = sides.map((side) => [side.key, ...[...side.tracks].map(([name, track]) => [name, track.version])]).toString();
    if (signature !== this.signature) {
      this.signature = signature;
      this.sides.setSides(sides);
      this.#load(sides);
    }
    this.research.update(job, this.sides.isBlind);
  }

  #load(sides) {
    const [position, playing] = [this.audio?.position ?? 0, this.audio?.playing];
    this.audio?.close();
    const Kind = hasWebAudio ? WebAudio : AudioElements;
    this.audio = new Kind({
      tracks: [...sides.flatMap((side) => [...side.tracks.values()]), this.original],
      rate: this.job.sample_rate, frames: this.job.samples,
      fetchPiece: (track, start, count) => bytesOf(`${trackPath(track.job, "samples", track)}?start=${start}&count=${count}`),
      addressOf: (track) => trackPath(track.job, "sound", track),
      onState: () => this.#showState(),
      onError: (error) => this.#say(error.message),
    });
    this.audio.seek(position);
    this.#mix();
    if (playing) this.audio.play();
  }

  toggle() {
    this.#say("");
    if (this.audio.playing) this.audio.pause();
    else this.audio.play();
  }

  seek(seconds) { this.audio.seek(seconds); }
  seekBy(seconds) { this.audio.seek(this.audio.position + seconds); }
  toggleMute(index) { this.rows[index]?.toggleMute(); }
  toggleSolo(index) { this.rows[index]?.toggleSolo(); }

  toggleOriginal() {
    this.#onlyOriginal = !this.#onlyOriginal;
    press(this.whole.only, this.#onlyOriginal);
    this.#mix();
  }

  #gainOf(row) {
    const anySolo = this.rows.some((other) => other.solo);
    return row.muted || (anySolo && !row.solo) ? 0 : row.gain;
  }

  // Who sounds, and how loudly.
  #mix() {
    const gains = new Map(this.rows.map((row) => [row.name, this.#gainOf(row)]));
    const { sides, selected, isBlind } = this.sides;
    for (const side of sides) {
      for (const [name, track] of side.tracks) {
        const heard = side === selected && !this.#onlyOriginal && gains.has(name);
        this.audio.setGain(track, heard ? gains.get(name) : 0);
      }
    }
    this.audio.setGain(this.original, this.#onlyOriginal ? 1 : 0);
    for (const row of this.rows) row.setSilent(this.#onlyOriginal || !gains.get(row.name) || !selected.tracks.has(row.name));
    this.whole.setSilent(!this.#onlyOriginal);
    this.downloads.show(isBlind ? null : selected.job, gains); // true stems have none, which would tell
    this.research.update(this.job, isBlind);
    this.#draw();
  }

  // Blind, every row shows the original: a picture would tell who it is.
  #draw() {
    const { selected, isBlind } = this.sides;
    for (const row of [...this.rows, this.whole]) {
      const track = row === this.whole || isBlind ? this.original : selected.tracks.get(row.name);
      const wanted = track && `${this.#pictures} ${trackPath(track.job, this.#pictures, track)} ${track.version}`;
      if (!track || this.#drawn.get(row) === wanted) continue;
      this.#drawn.set(row, wanted);
      const kind = this.#pictures;
      Promise.all([bytesOf(trackPath(track.job, kind, track)), this.loudest]).then(
        ([content, loudest]) => this.#drawn.get(row) === wanted && row.setPicture(kind, content, loudest),
        (error) => this.#say(error.message),
      );
    }
  }

  #switchPictures() {
    this.#pictures = this.#pictures === "peaks" ? "spectrum" : "peaks";
    press(this.kind, this.#pictures === "spectrum");
    this.#draw();
  }

  #showState() {
    this.playButton.textContent = this.audio.playing ? "Pause" : "Play";
    cancelAnimationFrame(this.ticking);
    this.#tick();
  }

  #tick() {
    if (!this.audio) return;
    const { position } = this.audio;
    this.time.textContent = `${clock(position)} / ${clock(this.duration)}`;
    for (const row of [...this.rows, this.whole]) row.setHead(position / this.duration);
    if (this.audio.playing) this.ticking = requestAnimationFrame(() => this.#tick());
  }

  #say(text) {
    this.told.textContent = text;
    this.told.hidden = !text;
  }

  close() {
    cancelAnimationFrame(this.ticking);
    this.audio.close();
    for (const row of [...this.rows, this.whole]) row.close();
    this.element.remove();
  }
}
