// What people type for an amount, in integer fen. Never rounded, never cut, never a float.
const ZEROS = [0x30, 0x660, 0x6f0, 0x966]; // ASCII, Arabic-Indic, Persian, Devanagari

/** Full-width forms and digits of other scripts as ASCII. */
function plain(text) {
  return [...String(text)].map((character) => {
    const code = character.codePointAt(0);
    if (character === '。') return '.';
    if (character === '￥') return '¥';
    if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
    const zero = ZEROS.find((first) => code >= first && code <= first + 9);
    return zero === undefined ? character : String(code - zero);
  }).join('').trim();
}

/** Fen, or null when it is no amount. */
export function parse(text) {
  let rest = plain(text).replace(/^(¥|CNY)/i, '').replace(/(元|yuan)$/i, '').trim();
  const commas = rest.split(',').length - 1;
  if (commas === 1 && /,\d{1,2}$/.test(rest)) rest = rest.replace(',', '.');
  else rest = rest.replace(/[,'\s]/g, '');
  if (/^\.\d{1,2}$/.test(rest)) rest = `0${rest}`;
  if (!/^\d{1,7}(\.\d{0,2})?$/.test(rest)) return null;
  const [whole, part = ''] = rest.split('.');
  return Number(whole) * 100 + Number(part.padEnd(2, '0'));
}

/** A whole number, or null. */
export function count(text) {
  const rest = plain(text);
  return /^\d{1,9}$/.test(rest) ? Number(rest) : null;
}

/** "12.34" of 1234. */
export function show(fen) {
  return `${Math.floor(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;
}

export const fenOf = (yuan) => parse(yuan) || 0;

/** As people read it: 5,000.00. */
export const grouped = (yuan) => yuan.replace(/\B(?=(\d{3})+(?=\.))/g, ',');
