// Every text in both languages, and how times, spans and amounts are written.
const WORDS = {
  // Everywhere
  red_packet: ['红包', 'Red packet'],
  loading: ['加载中', 'Loading'],
  slow: ['网络较慢，正在处理', 'Slow network, still working'],
  retry: ['重试', 'Try again'],
  close: ['关闭', 'Close'],
  to_chat: ['回到聊天', 'Back to chat'],
  may_close: ['可以关闭此页面了', 'You can close this page'],
  no_token: ['请从聊天中打开', 'Please open this from your chat'],
  session_over: ['登录已过期', 'Your session is over'],
  open_again: ['请回到聊天重新打开', 'Go back to the chat and open it again'],
  incomplete: ['链接不完整', 'This link is incomplete'],
  wallet: ['钱包', 'Wallet'],
  records: ['红包记录', 'Records'],
  more: ['加载更多', 'Load more'],
  yuan: ['{money}元', '{money} yuan'],
  old: ['请升级应用后再试', 'Please update the app and try again'],
  // Errors
  wrong: ['出错了', 'Something went wrong'],
  wrong_number: ['出错了，编号 {id}', 'Something went wrong, number {id}'],
  offline: ['网络已断开', 'You are offline'],
  no_answer: ['网络不给力', 'The network is not answering'],
  throttled: ['操作太快了，请稍候', 'Too fast, one moment'],
  counting: ['操作太快了，请稍候（{n}秒）', ['Too fast, one moment ({n} second)', 'Too fast, one moment ({n} seconds)']],
  unavailable: ['服务繁忙，请稍后再试', 'Busy, please try again in a moment'],
  unsure: ['不确定是否成功，再试一次不会重复扣款', 'We cannot tell whether it went through. Trying again never charges twice'],
  never_twice: ['再点一次不会重复领取', 'Tapping again never takes twice'],
  wallet_frozen: ['钱包已冻结，请联系客服', 'Your wallet is frozen; please contact support'],
  own_wallet_frozen: ['你的钱包已冻结', 'Your wallet is frozen'],
  not_enough: ['余额不足', 'Not enough in your wallet'],
  order_over: ['订单已关闭，请重新支付', 'This order is closed, please pay again'],
  no_way: ['这种支付方式暂不可用', 'This way to pay is not available now'],
  no_order: ['订单不存在', 'No such order'],
  no_packet: ['红包不存在，或不是发给你的', 'No such red packet, or not for you'],
  no_group: ['群不存在，或你不在群里', 'No such group, or you are not in it'],
  // A packet
  packet_of: ['{name}的红包', 'Red packet from {name}'],
  kind_personal: ['给你发了一个红包', 'sent you a red packet'],
  kind_lucky: ['拼手气红包', 'Random amounts'],
  kind_equal: ['普通红包', 'Equal amounts'],
  kind_exclusive: ['专属红包', 'For someone'],
  kind_one: ['给一个人的红包', 'For one person'],
  badge: ['拼', 'random'],
  badge_said: ['拼手气', 'random amounts'],
  open: ['開', 'Open'],
  open_packet: ['開红包', 'Open red packet'],
  details: ['查看领取详情', 'See details'],
  who_took: ['领取详情', 'Who took what'],
  in_wallet: ['已存入钱包，可直接用于发红包', 'In your wallet, ready to use'],
  on_its_way: ['等待到账', 'On its way to your wallet'],
  never_paid: ['付款未到账，没有入账', 'The payment never arrived, nothing was credited'],
  comes_back: ['未领取的红包，将于{span}后发起退款', 'What nobody takes in {span} comes back to you'],
  returned: ['已退回{money}元 · {when}', '{money} yuan returned · {when}'],
  returning: ['退款处理中', 'The refund is on its way'],
  returns_later: ['付款确认后退回', 'Comes back once the payment is confirmed'],
  best: ['手气最佳', 'Best luck'],
  gone: ['手慢了，红包派完了', 'Too late, it is all gone'],
  expired: ['该红包已超过{span}。如已领取，可在“红包记录”中查看', 'This red packet is over {span} old. If you took a share, it is in your records'],
  pay_now: ['继续支付', 'Pay now'],
  another: ['再发一个', 'Send another'],
  frozen: ['该红包已被冻结，如有疑问请联系客服', 'This red packet is frozen; please contact support'],
  got: ['你领到{money}元', 'You got {money} yuan'],
  had: ['你已领取过', 'You had taken it already'],
  missed: ['没抢到，再试一次', 'Not this time, try again'],
  not_paid: ['红包还没付款', 'Not paid yet'],
  take_it: ['去领取', 'Open it'],
  for_names: ['这是给{names}的专属红包', 'This one is for {names}'],
  names_comma: ['、', ', '],
  // Sending
  send: ['发红包', 'Send a red packet'],
  kind: ['红包类型', 'Kind'],
  how_many: ['红包个数', 'How many'],
  members: ['本群共{n}人', ['{n} member in this group', '{n} members in this group']],
  total: ['总金额', 'Total amount'],
  each: ['单个金额', 'Amount each'],
  money: ['金额', 'Amount'],
  to: ['发给{name}', 'To {name}'],
  greeting: ['祝福语', 'Greeting'],
  wish: ['恭喜发财，大吉大利', '恭喜发财，大吉大利'],
  due: ['应付', 'To pay'],
  put_in: ['塞钱进红包', 'Put money in'],
  for_whom: ['发给谁', 'For whom'],
  user_id: ['用户编号', 'User id'],
  add: ['添加', 'Add'],
  choose: ['请选择1到10个人', 'Choose 1 to 10 people'],
  wrong_user: ['用户编号有误', 'This is no user id'],
  say_how_many: ['请填写红包个数', 'Say how many'],
  say_money: ['请填写金额', 'Enter an amount'],
  whole: ['红包个数须为整数', 'A whole number, please'],
  many_max: ['红包个数不可超过{n}个', 'At most {n}'],
  group_max: ['红包个数不可超过群人数{n}', ['The group has only {n} member', 'The group has only {n} members']],
  share_max: ['单个红包金额不可超过{money}元', 'At most {money} yuan each'],
  share_min: ['单个红包金额不可低于{money}元', 'At least {money} yuan each'],
  intro_max: ['祝福语最多{n}字', 'At most {n} characters'],
  topup_range: ['充值金额须在{least}到{most}元之间', 'From {least} to {most} yuan'],
  no_money: ['请输入金额，最多两位小数', 'Enter an amount with at most two decimals'],
  // Paying
  pay: ['确认支付', 'Confirm payment'],
  pay_with: ['支付方式', 'Pay with'],
  from_wallet: ['钱包余额 ¥{money}', 'Wallet, ¥{money}'],
  alipay: ['支付宝', 'Alipay'],
  wechat: ['微信支付', 'WeChat Pay'],
  unionpay: ['银联', 'UnionPay'],
  pay_money: ['支付 ¥{money}', 'Pay ¥{money}'],
  cancel: ['取消', 'Cancel'],
  cancelled: ['已取消支付', 'Payment cancelled'],
  failed: ['支付失败', 'The payment failed'],
  sent: ['红包已发出', 'Sent'],
  view: ['查看红包', 'View it'],
  shares: ['{n}个', ['{n} packet', '{n} packets']],
  waiting: ['等待支付结果', 'Waiting for the payment'],
  pay_at: ['打开{channel}付款', 'Pay at {channel}'],
  have_paid: ['我已完成支付', 'I have paid'],
  checking: ['正在确认', 'Checking'],
  other_way: ['换一种方式', 'Pay another way'],
  handed_in: ['支付已提交', 'Payment handed in'],
  see_in_chat: ['请回到聊天查看结果', 'See the result in your chat'],
  topped_up: ['充值成功', 'Topped up'],
  // Wallet and records
  balance: ['余额', 'Balance'],
  frozen_wallet: ['钱包已冻结，不能付款和抢红包', 'Your wallet is frozen: it can neither pay nor open'],
  topup: ['充值', 'Top up'],
  topup_money: ['充值 ¥{money}', 'Top up ¥{money}'],
  type: ['类型', 'Type'],
  all: ['全部', 'All'],
  flow_send: ['发红包', 'Sent'],
  flow_grab: ['抢红包', 'Received'],
  flow_refund: ['退款', 'Refunds'],
  flow_topup: ['充值', 'Top-ups'],
  flow_adjustment: ['调账', 'Adjustments'],
  activity: ['明细', 'Activity'],
  nothing: ['还没有明细', 'Nothing yet'],
  no_records: ['还没有红包', 'No red packets yet'],
  see_packet: ['查看红包', 'View the red packet'],
  received_tab: ['收到的红包', 'Received'],
  sent_tab: ['发出的红包', 'Sent'],
  year: ['年份', 'Year'],
  year_n: ['{n}年', '{n}'],
  received_by: ['{me}共收到', '{me} received'],
  sent_by: ['{me}共发出', '{me} sent'],
  received_n: ['收到红包{n}个', ['{n} packet', '{n} packets']],
  sent_n: ['发出红包{n}个', ['{n} packet', '{n} packets']],
  best_n: ['手气最佳{n}次', ['best luck {n} time', 'best luck {n} times']],
  taken_of: ['{a}/{b}个', '{a}/{b}'],
  state_unpaid: ['待支付', 'To pay'],
  state_expired: ['已过期', 'Expired'],
  state_returned: ['已退款', 'Returned'],
  state_void: ['已作废', 'Void'],
  state_closed: ['已关闭', 'Closed'],
  state_frozen: ['已冻结', 'Frozen'],
  hours: ['{n}小时', ['{n} hour', '{n} hours']],
  minutes: ['{n}分钟', ['{n} minute', '{n} minutes']],
  seconds: ['{n}秒', ['{n} second', '{n} seconds']],
};
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

let english = false;

export const language = () => (english ? 'en' : 'zh-Hans');

export function speak(wanted) {
  english = !/^zh/i.test(wanted);
  document.documentElement.lang = language();
}

export const isLanguage = (wanted) => /^(zh|en)\b/i.test(wanted || '');

/** The parts of a text, so that a name in it can be a node of its own. */
export function parts(key, values = {}) {
  let text = WORDS[key][english ? 1 : 0];
  if (Array.isArray(text)) text = text[values.n === 1 ? 0 : 1];
  return text.split(/\{(\w+)\}/).map((part, at) => (at % 2 ? values[part] : part));
}

export const t = (key, values) => parts(key, values).join('');

/** From seconds, rounded down to the largest unit that gives at least one, as headlines do. */
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 3600) return t('hours', { n: Math.floor(s / 3600) });
  return s >= 60 ? t('minutes', { n: Math.floor(s / 60) }) : t('seconds', { n: s });
}

/** In the zone that the service wrote it in, not the phone's. */
export function when(time, now = Date.now()) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d).*?(?:Z|([+-])(\d\d):?(\d\d))$/.exec(time || '');
  if (!found) return '';
  const [, year, month, day, clock, sign, hours, minutes] = found;
  const offset = sign ? (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) : 0;
  const today = new Date(now + offset * 60000).toISOString();
  if (today.startsWith(`${year}-${month}-${day}`)) return clock;
  const sameYear = today.startsWith(year);
  const [m, d] = [Number(month), Number(day)];
  if (english) return `${d} ${MONTHS[m - 1]}${sameYear ? '' : ` ${year}`}, ${clock}`;
  return `${sameYear ? '' : `${year}年`}${m}月${d}日 ${clock}`;
}
