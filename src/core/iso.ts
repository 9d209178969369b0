/** Every number below sixty, as two digits. */
const sixty =
  '000102030405060708091011121314151617181920212223242526272829' +
  '303132333435363738394041424344454647484950515253545556575859';
const colon = 0x3a;
/** What a page tells of lies mostly on few days. */
let lastDay = { number: 0, text: '' };

/** `2026-01-02T` */
const dayText = (at: Date, year: number): string => {
  const number = year * 10_000 + (at.getUTCMonth() + 1) * 100 + at.getUTCDate();
  if (lastDay.number !== number) {
    const digits = String(number);
    lastDay = { number, text: `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}T` };
  }
  return lastDay.text;
};

/** `03:04:05`, in as few pieces as can be. */
const clockText = (at: Date): string => {
  const hour = 2 * at.getUTCHours();
  const minute = 2 * at.getUTCMinutes();
  const second = 2 * at.getUTCSeconds();
  return String.fromCharCode(
    sixty.charCodeAt(hour),
    sixty.charCodeAt(hour + 1),
    colon,
    sixty.charCodeAt(minute),
    sixty.charCodeAt(minute + 1),
    colon,
    sixty.charCodeAt(second),
    sixty.charCodeAt(second + 1),
  );
};

/** By hand: the first `toISOString` reads the system's time zone, a third of a millisecond of each command. */
export const iso = (time: number): string => {
  const at = new Date(time);
  const year = at.getUTCFullYear();
  if (!(year >= 1000 && year <= 9999)) return at.toISOString().replace('.000Z', 'Z');
  const rest = at.getUTCMilliseconds();
  const fraction = rest === 0 ? 'Z' : `.${String(1000 + rest).slice(1)}Z`;
  return dayText(at, year) + clockText(at) + fraction;
};
