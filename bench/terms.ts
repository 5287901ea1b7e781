/**
 * The External Term Format against JSON on one telemetry message, in the same
 * process and run, as ratios: above 1 is faster than JSON. Takes some four
 * seconds: `node bench/terms.ts`.
 */
import { decode, Decoder, encode, Encoder } from '../packages/beamish/src/term/index.ts';

const message = {
  device: 'sw-ams-0042',
  ts: 1732181100123,
  interfaces: Array.from({ length: 8 }, (_, index) => ({
    rx: 10_400_207 * (index + 1),
    tx: 7_203_001 * (index + 1),
    rxr: 1234.5 + index / 8,
    txr: 2345.25 * (index + 1),
  })),
};

const json = JSON.stringify(message);
const etf = encode(message);
const encoder = new Encoder();

/** Rounds of each measurement; the best is taken, as noise only ever adds time. */
const ROUNDS = 12;
const MILLISECONDS = 60;
let sink = 0;

function best(work: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < MILLISECONDS) {
      for (let index = 0; index < 500; index++) sink ^= work();
      count += 500;
      elapsed = performance.now() - start;
    }
    least = Math.min(least, (elapsed * 1e6) / count);
  }
  return least;
}

const results = {
  'JSON.stringify': best(() => JSON.stringify(message).length),
  'JSON.stringify to bytes': best(() => Buffer.from(JSON.stringify(message)).length),
  encode: best(() => encode(message).length),
  'Encoder, reused': best(() => {
    encoder.reset();
    encoder.writeTerm(message);
    return encoder.length;
  }),
  'JSON.parse': best(() => JSON.parse(json).ts & 1),
  'JSON.parse of bytes': (() => {
    const bytes = Buffer.from(json);
    return best(() => JSON.parse(bytes.toString()).ts & 1);
  })(),
  decode: best(() => (decode(etf) as typeof message).ts & 1),
  Decoder: best(() => (new Decoder(etf, {}, 1).readTerm() === null ? 1 : 0)),
};

const rounded = (value: number): number => Math.round(value * 100) / 100;
console.log(
  JSON.stringify(
    {
      bytes: { json: json.length, etf: etf.length },
      nanoseconds: Object.fromEntries(Object.entries(results).map(([name, value]) => [name, Math.round(value)])),
      ratios: {
        'encode / JSON.stringify': rounded(results['JSON.stringify'] / results['encode']),
        'encode / JSON.stringify to bytes': rounded(results['JSON.stringify to bytes'] / results['encode']),
        'Encoder / JSON.stringify': rounded(results['JSON.stringify'] / results['Encoder, reused']),
        'decode / JSON.parse': rounded(results['JSON.parse'] / results['decode']),
        'decode / JSON.parse of bytes': rounded(results['JSON.parse of bytes'] / results['decode']),
      },
      sink: sink & 1,
    },
    undefined,
    2,
  ),
);
