// The same for a browser without WebAudio: an <audio> for each track, kept together by hand.

const APART = 0.08; // seconds that two may differ

export class AudioElements {
  // `addressOf(track)` is the address of its WAV.
  constructor({ tracks, rate, frames, addressOf, onState, onError }) {
    Object.assign(this, { tracks, onState, onError, duration: frames / rate });
    this.playing = false;
    this.players = new Map(tracks.map((track) => {
      const player = new Audio(addressOf(track));
      player.preload = "auto";
      player.volume = 0;
      return [track, player];
    }));
    this.first = this.players.values().next().value;
    this.first.addEventListener("timeupdate", () => this.#gather());
    this.first.addEventListener("ended", () => this.pause());
  }

  get position() {
    return this.first.currentTime;
  }

  setGain(track, value) {
    this.players.get(track).volume = Math.min(1, value); // it cannot be louder than the file
  }

  async play() {
    this.playing = true;
    this.onState();
    try {
      await Promise.all([...this.players.values()].map((player) => player.play()));
      this.#gather();
    } catch (error) {
      this.pause();
      this.onError(error);
    }
  }

  pause() {
    this.playing = false;
    for (const player of this.players.values()) player.pause();
    this.onState();
  }

  async seek(seconds) {
    const place = Math.min(Math.max(0, seconds), this.duration);
    for (const player of this.players.values()) player.currentTime = place;
    this.onState();
  }

  close() {
    for (const player of this.players.values()) {
      player.pause();
      player.removeAttribute("src");
      player.load();
    }
  }

  #gather() {
    for (const player of this.players.values()) {
      if (Math.abs(player.currentTime - this.first.currentTime) > APART) player.currentTime = this.first.currentTime;
    }
  }
}
