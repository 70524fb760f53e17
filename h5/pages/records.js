// What one has received and sent in a year.
import { called, el, name, say } from './dom.js';
import { choice, paged, withCursor } from './pages.js';
import { parts, t, when } from './texts.js';

const TABS = ['received', 'sent'];
const YEARS = 5;

export function open(app, { notify, visit }) {
  const asked = new URLSearchParams(location.search);
  let tab = asked.get('tab') === 'sent' ? 'sent' : 'received';
  const thisYear = new Date().getFullYear();
  const wanted = Number(asked.get('year'));
  let year = wanted >= 1970 && wanted <= thisYear + 1 ? wanted : thisYear;
  let fill = null;
  const list = paged(app, {
    label: 'summary', empty: 'no_records', visit, make: (one) => (tab === 'sent' ? sent : received)(app, one),
    path: (cursor) => withCursor(`/packets?box=${tab}&year=${year}&limit=20`, cursor),
  });

  async function load() {
    try {
      const [session, summary] = await Promise.all([
        app.session(), app.read(`/packets/summary?year=${year}`, fill ? null : notify), list.load(),
      ]);
      if (visit.left) return;
      app.banner(null);
      if (!fill) fill = draw();
      fill(session.user, summary);
    } catch (failure) {
      if (visit.left) return;
      if (failure.code === 'session') app.sessionOver();
      else if (fill) app.banner(app.words(failure), load);
      else app.fail(failure, () => { app.loading(); load(); });
    }
  }

  function turn(to, at) {
    tab = to;
    year = at;
    const kept = new URLSearchParams(location.search);
    kept.set('tab', tab);
    kept.set('year', String(year));
    history.replaceState(history.state, '', `${location.pathname}?${kept}`);
    if (fill) fill.mark();
    load();
  }

  function draw() {
    const heading = el('h2', { id: 'summary' });
    const amount = el('p', { class: 'due' });
    const counts = el('p', { class: 'note' });
    const tabs = TABS.map((one) => el('button', {
      type: 'button', role: 'tab', id: `tab-${one}`, class: 'tab', 'aria-controls': 'panel', text: () => t(`${one}_tab`),
      on: { click: () => turn(one, year), keydown: (event) => move(event, one) },
    }));
    const panel = el('div', { role: 'tabpanel', id: 'panel' },
      el('div', { class: 'purse' }, heading, amount, counts), el('div', { class: 'sheet' }, list.nodes));
    const first = Math.max(thisYear, year);
    const years = Array.from({ length: Math.max(YEARS, first - year + 1) }, (_, at) => first - at);
    app.face('records', 'records');
    app.show(
      el('h1', { tabindex: '-1', class: 'top', text: () => t('records') }),
      el('div', { role: 'tablist', class: 'tabs', 'aria-label': () => t('records') }, tabs),
      el('div', { class: 'bar end' }, choice(() => t('year'), years.map((n) => [String(n), () => t('year_n', { n })]), String(year),
        (to) => turn(tab, Number(to)))),
      panel,
    );

    function move(event, from) {
      const at = TABS.indexOf(from);
      const to = TABS[{ ArrowRight: at + 1, ArrowLeft: at + TABS.length - 1, Home: 0, End: TABS.length - 1 }[event.key] % TABS.length];
      if (!to) return;
      event.preventDefault();
      tabs[TABS.indexOf(to)].focus();
      turn(to, year);
    }

    const show = (user, summary) => {
      const figures = summary[tab];
      say(heading, () => parts(`${tab}_by`, { me: name(called(user)) }));
      say(amount, `¥${figures.money}`);
      say(counts, () => [t(`${tab}_n`, { n: figures.number }),
        tab === 'received' ? t('best_n', { n: figures.best_luck }) : ''].filter(Boolean).map((text) => el('span', { class: 'fact' }, text)));
    };
    show.mark = () => {
      tabs.forEach((one, at) => {
        one.setAttribute('aria-selected', String(TABS[at] === tab));
        one.tabIndex = TABS[at] === tab ? 0 : -1;
      });
      panel.setAttribute('aria-labelledby', `tab-${tab}`);
    };
    show.mark();
    return show;
  }

  load();
  return { refresh: load };
}

const badge = () => el('span', { class: 'badge' }, el('span', { 'aria-hidden': 'true', text: () => t('badge') }),
  el('span', { class: 'unseen', text: () => t('badge_said') }));

function line(app, packet, who, time, money, ...more) {
  return el('li', {}, el('a', { href: app.address(`/h5/packet/${packet.id}`), class: 'whole' },
    el('span', { class: 'who' }, who, el('span', { class: 'time', text: () => when(time) })),
    el('span', { class: 'what' }, el('span', { text: () => t('yuan', { money }) }), ...more)));
}

function received(app, packet) {
  const { mine } = packet;
  const best = mine.is_good === true && el('span', { class: 'best', text: () => t('best') });
  return line(app, packet, el('span', { class: 'named' }, name(called(packet.sender)), packet.type === 'lucky' ? badge() : null),
    mine.update_time, mine.money, best);
}

function sent(app, packet) {
  const state = stateOf(packet);
  return line(app, packet, el('span', { text: () => t(packet.type === 'personal' ? 'kind_one' : `kind_${packet.type}`) }),
    packet.pay_time || packet.add_time, packet.total_money,
    el('span', { class: 'time', text: () => t('taken_of', { a: packet.taken_number, b: packet.number }) }),
    state && el('span', { class: 'best', text: () => t(`state_${state}`) }));
}

function stateOf(packet) {
  if (packet.is_frozen) return 'frozen';
  if (packet.state === 'expired') return packet.return_money === null ? 'expired' : 'returned';
  return ['unpaid', 'void', 'closed'].includes(packet.state) ? packet.state : '';
}
