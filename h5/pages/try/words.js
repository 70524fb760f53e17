// The texts of /try/ in both languages, and what its two pages share.
import { language } from '../texts.js';

const WORDS = {
  try_it: ['试一试', 'Try it'],
  about: ['每部手机是群里的一个人：发一个红包，再用别的手机去抢。不是真钱。',
    'Each phone is one person of the same group: send a red packet, then open it on the others. No real money.'],
  phone: ['手机：{name}', 'Phone: {name}'],
  add: ['添一部手机', 'Add a phone'],
  crowd: ['来一群人', 'Send the crowd'],
  later: ['24小时后', '24 hours later'],
  over: ['重新开始', 'Start over'],
  language: ['语言', 'Language'],
  theme: ['主题', 'Theme'],
  auto: ['自动', 'Automatic'],
  light: ['浅色', 'Light'],
  dark: ['深色', 'Dark'],
  size: ['字号', 'Text size'],
  size_100: ['标准', 'Normal'],
  size_150: ['大', 'Large'],
  size_200: ['特大', 'Largest'],
  starting: ['正在准备', 'Getting ready'],
  not_started: ['没能开始，请重试', 'This did not start, please try again'],
  none_open: ['没有可抢的红包，先发一个', 'No open red packet: send one first'],
  none_left: ['没有未结束的红包，先发一个', 'No red packet is running: send one first'],
  racing: ['{n}人：已到{done}人', '{n} bots: {done} have come'],
  raced: ['{n}人：{got}人抢到，{late}人手慢了，{s}秒', '{n} bots: {got} got one, {late} too late, {s} s'],
  raced_some: ['{n}人：{got}人抢到，{late}人手慢了，{failed}人没连上，{s}秒',
    '{n} bots: {got} got one, {late} too late, {failed} got no answer, {s} s'],
  crowded: ['上一群人还在抢', 'A crowd is still racing'],
  returned: ['过了24小时，退回¥{money}', '24 hours have gone by, ¥{money} came back'],
  failed: ['没有成功，请重试', 'This did not work, please try again'],
  // A phone
  group: ['试一试', 'Try it'],
  people: ['群聊，共{n}人', 'Group of {n}'],
  chat: ['聊天记录', 'Chat'],
  send: ['发红包', 'Red packet'],
  to_one: ['给一个人', 'To one person'],
  wallet: ['钱包', 'Wallet'],
  records: ['红包记录', 'Records'],
  page: ['红包页面', 'Red packet page'],
  back: ['返回聊天', 'Back to chat'],
  cancel: ['取消', 'Cancel'],
  empty: ['还没有消息。点“发红包”开始', 'Nothing yet. Start with “Red packet”'],
  bubble: ['{name}的红包，{greeting}，{state}', 'Red packet from {name}, {greeting}, {state}'],
  to: ['给{name}', 'To {name}'],
  packet: ['红包', 'Red packet'],
  open: ['未领取', 'unopened'],
  taken: ['已领取', 'opened'],
  gone: ['已被领完', 'all gone'],
  expired: ['已过期', 'expired'],
  void: ['已作废', 'void'],
  frozen: ['已冻结', 'frozen'],
  other: ['专属红包', 'for someone else'],
  unpaid: ['待支付', 'to be paid'],
  you_took: ['你领取了{name}的红包', 'You opened {name}\'s red packet'],
  took_yours: ['{name}领取了你的红包', '{name} opened your red packet'],
  own: ['你领取了自己的红包', 'You opened your own red packet'],
  took_last: ['{name}领取了你的红包，你的红包已被领完', '{name} opened your red packet, and now it is all gone'],
  own_last: ['你领取了自己的红包，你的红包已被领完', 'You opened your own red packet, and now it is all gone'],
  refund: ['红包退款到账 ¥{money}', 'Red packet refund ¥{money}'],
  credited: ['{money}元已到账', '{money} yuan arrived'],
  topped_up: ['充值到账 ¥{money}', 'Topped up ¥{money}'],
  voided: ['付款未到账，你的红包已作废', 'The payment never arrived, your red packet is void'],
  // Paying
  pretend: ['模拟支付', 'Pretend payment'],
  pay: ['付款', 'Pay'],
  pay_late: ['付款，30秒后通知', 'Pay, told after 30 s'],
  pay_mute: ['付款，不通知', 'Pay, never told'],
  alipay: ['支付宝', 'Alipay'],
  wechat: ['微信支付', 'WeChat Pay'],
  unionpay: ['银联', 'UnionPay'],
};

export function parts(key, values = {}) {
  const text = WORDS[key][language() === 'en' ? 1 : 0];
  return text.split(/\{(\w+)\}/).map((part, at) => (at % 2 ? values[part] : part));
}

export const t = (key, values) => parts(key, values).join('');
export const has = (key) => key in WORDS;

/** POST JSON; the answer's status and body, whatever it is. */
export async function ask(path, body, headers = {}) {
  const asked = body === undefined ? { headers }
    : { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) };
  const answer = await fetch(path, { cache: 'no-store', ...asked });
  return { status: answer.status, body: await answer.json().catch(() => ({})) };
}

/** How both pages look: `auto` goes by the machine. */
export function dress({ theme, size }) {
  const isDark = theme === 'dark' || (theme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  document.documentElement.style.fontSize = size ? `${size}%` : '';
}
