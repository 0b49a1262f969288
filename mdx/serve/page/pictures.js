// What a track looks like: its outline, or its spectrogram, on a canvas of the screen's own pixels.

const BANDS = 96;
// Dark to bright, readable without seeing colours.
const COLOURS = [[0, 0, 12], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]];

export const loudestOf = (peaks) => new Int8Array(peaks).reduce((most, value) => Math.max(most, Math.abs(value)), 1);

// `loudest` fills the height: that of the song, so that its stems can be compared.
export function drawOutline(canvas, peaks, loudest) {
  const { context, width, height } = fit(canvas);
  const values = new Int8Array(peaks);
  const columns = values.length / 2;
  context.fillStyle = getComputedStyle(canvas).color;
  const middle = height / 2;
  for (let x = 0; x < width; x += 1) {
    const first = Math.floor((x * columns) / width);
    const last = Math.max(first + 1, Math.floor(((x + 1) * columns) / width));
    let low = 0, high = 0;
    for (let column = first; column < last; column += 1) {
      low = Math.min(low, values[2 * column]);
      high = Math.max(high, values[2 * column + 1]);
    }
    const top = middle - (high / loudest) * middle;
    context.fillRect(x, top, 1, Math.max(1, middle - (low / loudest) * middle - top));
  }
}

export function drawSpectrum(canvas, spectrum) {
  const values = new Uint8Array(spectrum);
  const columns = values.length / BANDS;
  const image = new ImageData(columns, BANDS);
  values.forEach((value, index) => {
    const x = Math.floor(index / BANDS), y = BANDS - 1 - (index % BANDS);
    image.data.set([...colourOf(value / 255), 255], 4 * (y * columns + x));
  });
  const small = new OffscreenCanvas(columns, BANDS);
  small.getContext("2d").putImageData(image, 0, 0);
  const { context, width, height } = fit(canvas);
  context.drawImage(small, 0, 0, width, height);
}

function colourOf(share) {
  const place = share * (COLOURS.length - 1);
  const index = Math.min(COLOURS.length - 2, Math.floor(place));
  return COLOURS[index].map((low, part) => low + (place - index) * (COLOURS[index + 1][part] - low));
}

function fit(canvas) {
  const scale = globalThis.devicePixelRatio || 1;
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  canvas.width = width; // which also clears it
  canvas.height = height;
  return { context: canvas.getContext("2d"), width, height };
}
