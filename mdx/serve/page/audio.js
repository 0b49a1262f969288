// Playing any number of tracks on one clock: pieces of samples, each scheduled to the exact sample.
// What is in memory is some seconds of each track, whatever the song's length.

const AHEAD = 6; // seconds that are scheduled before they sound
const FIRST = 1, PIECE = 4; // seconds of the first piece, which is to sound soon, and of all others
const MOST = 1 << 20; // samples that the server gives at a time
const LEAD = 0.06; // seconds between scheduling and sounding
const SMOOTH = 0.012; // seconds that a fader takes, so that nothing clicks
const REST = 10; // seconds of silence after which the sound card is released

const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
export const hasWebAudio = Boolean(Context);

export class WebAudio {
  #gains = new Map();
  #sources = new Set();
  #run = 0; // counts starts, so that what an older one still fetches is dropped
  #anchor = { time: 0, frame: 0 }; // the frame that sounds at a time of the context
  #rest; // the timer that releases the sound card

  // `fetchPiece(track, start, count)` gives little-endian int16 of two channels.
  constructor({ tracks, rate, frames, fetchPiece, onState, onError }) {
    Object.assign(this, { tracks, rate, frames, fetchPiece, onState, onError });
    this.playing = false;
    this.frame = 0; // where it stands while it does not play
    try {
      this.context = new Context({ sampleRate: rate });
    } catch { // a rate that the browser does not take: it converts
      this.context = new Context();
    }
    this.analyser = this.context.createAnalyser();
    this.analyser.connect(this.context.destination);
    for (const track of tracks) {
      const gain = this.context.createGain();
      gain.gain.value = 0;
      gain.connect(this.analyser);
      this.#gains.set(track, gain);
    }
  }

  get position() {
    return this.#now() / this.rate;
  }

  setGain(track, value) {
    this.#gains.get(track).gain.setTargetAtTime(value, this.context.currentTime, SMOOTH);
  }

  async play() {
    if (this.playing) return;
    this.playing = true;
    this.onState();
    if (this.frame >= this.frames) this.frame = 0;
    await this.#start(this.frame);
  }

  pause() {
    if (!this.playing) return;
    this.frame = Math.round(this.#now()); // pieces begin and end on whole samples
    this.playing = false;
    this.#stop();
    this.onState();
  }

  async seek(seconds) {
    this.frame = Math.round(Math.min(Math.max(0, seconds * this.rate), this.frames));
    if (this.playing) {
      this.#stop();
      await this.#start(this.frame);
    }
    this.onState();
  }

  close() {
    this.playing = false;
    this.#stop();
    clearTimeout(this.#rest);
    this.context.close();
  }

  #now() {
    if (!this.playing || this.waiting) return this.frame;
    const passed = (this.context.currentTime - this.#anchor.time) * this.rate;
    return Math.min(this.frames, Math.max(this.frame, this.#anchor.frame + passed));
  }

  async #start(from) {
    if (from >= this.frames) return this.#end();
    const run = ++this.#run;
    clearTimeout(this.#rest);
    this.waiting = true;
    try {
      let next = from, seconds = FIRST;
      let pieces = await this.#fetch(next, seconds);
      if (run !== this.#run) return;
      await this.context.resume();
      if (run !== this.#run) return;
      this.#setAnchor(next);
      this.waiting = false;
      while (next < this.frames) {
        const count = this.#schedule(pieces, next);
        if (!count) throw new Error("the track ends before it should");
        next += count;
        seconds = PIECE;
        if (next < this.frames) pieces = await this.#fetch(next, seconds);
        while (run === this.#run && (next - this.#now()) / this.rate > AHEAD) await pause(150);
        if (run !== this.#run) return;
      }
      while (run === this.#run && this.#now() < this.frames) await pause(50);
      if (run === this.#run) this.#end();
    } catch (error) {
      if (run !== this.#run) return;
      this.waiting = false;
      this.pause();
      this.onError(error);
    }
  }

  #fetch(start, seconds) {
    const count = Math.min(MOST, Math.ceil(seconds * this.rate), this.frames - start);
    return Promise.all(this.tracks.map((track) => this.fetchPiece(track, Math.round(start), count)));
  }

  #schedule(pieces, start) {
    const count = Math.min(...pieces.map((piece) => piece.byteLength / 4));
    if (!count) return 0;
    let when = this.#anchor.time + (start - this.#anchor.frame) / this.rate;
    if (when < this.context.currentTime + 0.005) { // the piece came too late: the clock waits for it
      this.frame = start;
      this.#setAnchor(start);
      when = this.#anchor.time;
    }
    pieces.forEach((piece, index) => {
      const source = this.context.createBufferSource();
      source.buffer = this.#buffer(new Int16Array(piece), count);
      source.connect(this.#gains.get(this.tracks[index]));
      source.onended = () => this.#sources.delete(source);
      source.start(when);
      this.#sources.add(source);
    });
    return count;
  }

  #buffer(samples, count) {
    const buffer = this.context.createBuffer(2, count, this.rate);
    for (let channel = 0; channel < 2; channel += 1) {
      const target = buffer.getChannelData(channel);
      for (let index = 0; index < count; index += 1) target[index] = samples[2 * index + channel] / 32768;
    }
    return buffer;
  }

  #setAnchor(frame) {
    // On a whole sample, or every piece would be interpolated.
    const rate = this.context.sampleRate;
    this.#anchor = { time: Math.ceil((this.context.currentTime + LEAD) * rate) / rate, frame };
  }

  #stop() {
    this.#run += 1;
    this.waiting = false;
    for (const source of this.#sources) source.disconnect();
    this.#sources.clear();
    clearTimeout(this.#rest);
    // Not at once: Chromium's clock can stand still for good after a suspend() and a resume() that
    // follow each other closely.
    this.#rest = setTimeout(() => this.context.suspend(), 1000 * REST);
  }

  #end() {
    this.playing = false;
    this.#stop();
    this.frame = this.frames;
    this.onState();
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
