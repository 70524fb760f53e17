// A chat app around a page of Hongbao. `frame` is an iframe, `origin` the service's; `token(reason)`
// asks your own server, `init()` says what the page may know, `can` does what the page asks for.
export function embed(frame, origin, { token, init, can }) {
  const capabilities = ['pay', 'close', 'haptic'].filter((word) => can[word]);
  const asked = new Map();
  let number = 0;

  function tell(type, data, more = {}) {
    if (frame.contentWindow) frame.contentWindow.postMessage({ hongbao: 1, type, data, ...more }, origin);
  }

  async function hear({ source, origin: from, data: message }) {
    if (source !== frame.contentWindow || from !== origin || !message || message.hongbao !== 1) return;
    const { type, id, re, data } = message;
    if (re && asked.has(re)) return asked.get(re)(data);
    if (type === 'ready') {
      return tell('init', { version: 1, capabilities, ...init(), token: await token('missing') });
    }
    let answer = { error: 'unknown' };
    if (type === 'token') answer = { token: await token(data.reason) };
    else if (Object.hasOwn(can, type)) answer = await can[type].call(can, data);
    if (id) tell(type, answer, { re: id });
  }

  addEventListener('message', hear);
  return {
    open: (path) => { frame.src = origin + path; },
    tell, // 'theme', 'lang', 'insets', 'refresh', 'pause', 'resume'
    back: () => new Promise((done) => { // true: the page went a step back itself
      number += 1;
      const id = `host-${number}`;
      asked.set(id, (data) => { asked.delete(id); done(data.handled === true); });
      setTimeout(() => done(false), 1000);
      tell('back', {}, { id });
    }),
    stop: () => removeEventListener('message', hear),
  };
}
