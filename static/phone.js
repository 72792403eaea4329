/* The respondent's script (ES2017, no build). Every page works without it; with it: a step at a time, a draft, an outbox. */
'use strict';

const isNumber = t => /^[+-]?\d+(\.\d+)?$/.test(t) && t.replace(/\D/g, '').length < 16;

/* The rules of survey/instrument.py `holds`; tests/vectors/conditions.json tests both. */
function holds(c, answers, subject) {
  if (!c) return true;
  if (c.not) return !holds(c.not, answers, subject);
  if (c.all) return c.all.every(e => holds(e, answers, subject));
  if (c.any) return c.any.some(e => holds(e, answers, subject));
  const own = (answers[subject] || {})[c.q], value = own && own.length ? own : (answers[''] || {})[c.q];
  const chosen = value == null ? [] : [].concat(value);
  if ('answered' in c) return chosen.length > 0 === Boolean(c.answered);
  if (c.is) return chosen.some(e => c.is.includes(e));
  const n = chosen.length && isNumber(chosen[0]) ? Number(chosen[0]) : NaN;
  if ('lt' in c) return n < c.lt;
  if ('le' in c) return n <= c.le;
  if ('gt' in c) return n > c.gt;
  if ('ge' in c) return n >= c.ge;
  throw new Error('unknown condition');
}

(function () {
  const root = document.documentElement, $ = (s, e) => (e || document).querySelector(s), all = (s, e) => Array.from((e || document).querySelectorAll(s));
  const element = (tag, text, cls) => { const e = document.createElement(tag); if (text) e.textContent = text; if (cls) e.className = cls; return e; };
  const button = (text, deed, cls) => { const b = element('button', text, cls); b.type = 'button'; b.onclick = deed; return b; };
  const bar = (...buttons) => { const b = element('div', '', 'bar'); buttons.forEach(e => b.appendChild(e)); return b; };

  /* ---- what this phone keeps; what the storage will not take, this page holds in memory ---- */
  const memory = {};
  const kept = {
    get: k => { let v = null; try { v = localStorage.getItem(k); } catch (e) { v = null; } v = v === null ? memory[k] : v; return v ? JSON.parse(v) : null; },
    set: (k, o) => { memory[k] = JSON.stringify(o); try { localStorage.setItem(k, memory[k]); return true; } catch (e) { return false; } },
    drop: k => { delete memory[k]; try { localStorage.removeItem(k); } catch (e) { /* nothing was kept */ } },
    keys: p => { let k = []; try { k = Object.keys(localStorage); } catch (e) { k = []; } return Array.from(new Set(k.concat(Object.keys(memory)))).filter(e => e.startsWith(p)); },
  };

  /* ---- /diag and the code's field ---- */
  const diag = $('#diag'), code = $('#code');
  if (diag) {
    kept.set('ceping/t', 1);
    let storage = false;
    try { storage = localStorage.getItem('ceping/t') === '1'; } catch (e) { storage = false; }
    kept.drop('ceping/t');
    const can = { storage, voice: 'speechSynthesis' in window, worker: 'serviceWorker' in navigator, online: navigator.onLine, crypto: Boolean(window.crypto && crypto.getRandomValues) };
    all('[data-a]', diag).forEach(d => { d.textContent = can[d.dataset.a] ? d.dataset.yes : d.dataset.no; });
    if ($('#abilities')) $('#abilities').value = Object.keys(can).filter(k => can[k]).join(',');
  }
  if (code) code.addEventListener('change', () => { const v = code.value.replace(/[\s-]/g, '').toUpperCase(); if (v.length === 10) code.value = v.slice(0, 5) + '-' + v.slice(5); });
  if (!$('#words') || !window.fetch || !window.URLSearchParams) return;
  const W = JSON.parse($('#words').textContent), say = (k, o) => W[k].replace(/\{(\w+)\}/g, (_, x) => o[x]);
  const form = $('#answer[data-c]'), told = $('#told'), out = $('#out'), last = $('#last'), here = form || told;
  const C = here ? here.dataset.c : '', link = here && here.dataset.mode === 'link', slip = form ? form.elements.slip.value : told ? told.dataset.slip : '';
  const draftKey = 'ceping/draft/' + C + '/' + (link ? '' : slip);

  /* ---- the outbox: sent is only what the server's JSON says, with this nonce and a receipt ---- */
  const FINAL = /^(already_used|void|unknown|desk_only|first_counts)$/;
  const inbox = () => kept.keys('ceping/out/').map(key => ({ key, item: kept.get(key) })).filter(e => e.item && (!C || e.item.c === C));
  const unsent = () => inbox().filter(e => e.item.fields);
  let flushing = null, wait = 5, timer = 0, full = false;
  const line = (address, options) => {
    const stop = window.AbortController ? new AbortController() : null;
    const late = new Promise((_, no) => setTimeout(() => { no(new Error('late')); if (stop) stop.abort(); }, 30000));
    return Promise.race([fetch(address, Object.assign({ credentials: 'omit', cache: 'no-store', redirect: 'error', signal: stop ? stop.signal : undefined }, options)).then(r => r.json()), late]);
  };
  async function post(item) {
    const body = new URLSearchParams();
    Object.keys(item.fields).forEach(k => item.fields[k].forEach(v => body.append(k, v)));
    ['nonce', 'slip', 'voice'].forEach(k => { if (item[k]) body.append(k, item[k]); });
    body.append('lang', root.lang.slice(0, 2));
    try {
      const j = await line('/v/' + item.c + '/cast', { method: 'POST', body, headers: { Accept: 'application/json' } });
      return j && j.nonce === item.nonce && typeof j.status === 'string' ? j : null;
    } catch (e) { return null; }
  }
  function settle(key, item, j) {
    if (!j) return;
    if (j.receipt && (j.status === 'cast' || j.status === 'again')) {
      kept.drop(key); kept.set('ceping/ok/' + item.c + '/' + j.receipt, 1);
      if (item.slip) try { sessionStorage.setItem('ceping/done/' + item.c + '/' + item.slip, JSON.stringify(j)); } catch (e) { /* only a comfort */ }
    } else if (FINAL.test(j.status)) kept.set(key, { c: item.c, nonce: item.nonce, why: j.text }); /* it will never count: its marks go, the word stays */
    else if (j.text && j.status !== 'busy') { item.why = j.text; kept.set(key, item); }
  }
  const answered = {};
  async function sweep() {
    for (const e of unsent()) {
      const j = await post(e.item);
      answered[e.item.nonce] = j; settle(e.key, e.item, j);
      if (!j) break;
    }
  }
  async function flush() {
    clearTimeout(timer);
    while (flushing) await flushing;
    flushing = sweep();
    await flushing;
    flushing = null;
    const left = unsent().length;
    wait = left ? Math.min(wait * 2, 300) : 5;
    if (left) timer = setTimeout(flush, wait * 1000);
    changed(); outbox();
  }
  function outbox() {
    if (!out) return;
    const list = inbox(), n = list.filter(e => e.item.fields).length, ok = C ? kept.keys('ceping/ok/' + C + '/') : [], m = ok.length;
    out.hidden = !list.length && !(link && m); out.textContent = '';
    if (n || link) { const p = element('p', say('unsent', { n, m })); p.setAttribute('role', 'status'); out.appendChild(p); }
    if (full && n) out.appendChild(element('p', W.full, 'why'));
    list.filter(e => e.item.why).forEach(e => { out.appendChild(element('p', e.item.why, 'why')); if (!e.item.fields) out.appendChild(bar(button(W.seen, () => { kept.drop(e.key); outbox(); }))); });
    if (link && m) {
      const given = element('details');
      given.appendChild(element('summary', say('receipts', { m })));
      given.appendChild(element('p', ok.map(k => k.slice(-10, -5) + '-' + k.slice(-5)).sort().join('　')));
      out.appendChild(given);
    }
    if (n) { out.appendChild(bar(button(say('retry', { n }), again), button(W.save, rescue))); out.appendChild(element('p', W.plain, 'note')); }
  }
  function again() { wait = 2.5; return flush(); }
  function rescue() {
    const list = unsent().map(e => e.item).map(({ c, nonce, slip, voice, fields }) => ({ collection: c, nonce, slip, voice, fields }));
    const a = element('a'); a.href = URL.createObjectURL(new Blob([JSON.stringify({ rescue: 1, answers: list })], { type: 'application/json' }));
    a.download = 'rescue-' + (C || 'all') + '-' + list.length + '.json'; document.body.appendChild(a); a.click(); a.remove();
  }
  window.addEventListener('online', again);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { if (unsent().length) again(); if (C) poll(); } });
  window.addEventListener('storage', e => { if (e.key && e.newValue === null) delete memory[e.key]; outbox(); changed(e.key); });
  let changed = () => {}; /* set below, where there is a form */

  /* ---- the announced end reaches open pages and never resets them ---- */
  const clock = $('#clock');
  let end = 0, over = false;
  async function poll() {
    try {
      const j = await line('/v/' + C + '/status'), was = told && told.dataset.status;
      if (j.collection !== C) return;
      if (was === 'draft' && j.status === 'ready' && told.dataset.get) location.reload();
      over = /^(closing|sealed|void_collection)$/.test(j.status);
      end = typeof j.left === 'number' ? performance.now() + j.left * 1000 : 0;
      tick();
    } catch (e) { /* no network: the page stays as it is */ }
  }
  function tick() {
    if (!clock || !form) return;
    const left = Math.ceil((end - performance.now()) / 1000);
    clock.hidden = !end && !over;
    if (!clock.hidden) clock.textContent = over || left <= 0 ? W.over : say('ends', { n: say('min', { n: Math.floor(left / 60), s: left % 60 }) });
  }
  if (C) { setTimeout(poll, 8000); setInterval(() => { if (!document.hidden) poll(); }, 20000); setInterval(tick, 1000); }

  /* ---- a page that only tells: an answer still waiting here is sent, its receipt shown ---- */
  const cast = () => { try { return slip && JSON.parse(sessionStorage.getItem('ceping/done/' + C + '/' + slip)); } catch (e) { return null; } }; /* what this tab has sent */
  if (told && told.dataset.status === 'spent') {
    kept.drop(draftKey);
    const j = cast(), mine = unsent().find(e => e.item.slip === slip);
    if (j) receipt(j); else if (mine) flush().then(() => { const r = answered[mine.item.nonce]; if (r && r.receipt) receipt(r); });
  }
  function receipt(j) {
    const to = form ? last : told, qr = element('img', '', 'qr');
    to.textContent = ''; to.classList.add('done');
    to.appendChild(element('h2', j.text || W.sent)); to.appendChild(element('p', W.receipt)); to.appendChild(element('p', j.receipt.slice(0, 5) + '-' + j.receipt.slice(5), 'code'));
    if (j.qr) { qr.src = j.qr; qr.alt = W.receipt; to.appendChild(qr); }
    to.appendChild(element('p', W.what));
    const a = element('a', W.published, 'tap'), p = element('p', W.root + ' ', 'roots'), d = element('details');
    a.href = '/published/' + C; to.appendChild(a);
    if (j.root) { p.appendChild(element('code', j.root)); to.appendChild(p); }
    if (j.signature) { d.appendChild(element('summary', W.sign)); d.appendChild(element('code', j.signature, 'long')); to.appendChild(d); }
  }
  outbox();
  if (unsent().length) flush();
  if (!form) return;

  /* ---- a screen at a time: of a ballot a person, of a survey a question ---- */
  const steps = all('.step', form), single = form.classList.contains('single'), where = $('#at'), materials = $('#materials'), back = $('#back'), next = $('#next'), go = $('#go'), switches = all('nav button');
  const mine = location.pathname === '/v/' + C || location.pathname === '/v/' + C + '/' + slip; /* a page that can be fetched again */
  const rule = (e, k) => { const p = '_' + k; if (!(p in e)) e[p] = e.dataset[k] ? JSON.parse(e.dataset[k]) : null; return e[p]; };
  const inputs = e => all('input,textarea', e).filter(i => i.name && i.type !== 'hidden'), pick = i => i.type === 'radio' || i.type === 'checkbox';
  const values = q => inputs(q).filter(i => pick(i) ? i.checked : i.value.trim()).map(i => i.value.trim());
  const screen = q => single ? q : q.closest('.step'), card = s => s.closest('.step');
  const bare = (e, without) => { const c = e.cloneNode(true); all(without, c).forEach(x => x.remove()); return c.textContent.trim(); };
  let at = 0, now = null, done = false, checked = false, seen = { open: [], blanks: [], faults: [], fields: {} };
  function wrong(q, v) {
    const d = q.dataset, n = Number(v[0]);
    if (d.most && v.length > d.most) return say('most', { n: d.most });
    if (d.kind === 'date') return /^\d{4}-\d\d-\d\d$/.test(v[0]) ? '' : W.date;
    if (d.kind !== 'integer' && d.kind !== 'decimal') return '';
    if (!isNumber(v[0]) || (d.kind === 'integer' && n % 1)) return W.number;
    return (d.min && n < d.min) || (d.max && n > d.max) ? W.range : '';
  }
  /* One walk in the order of the page, as the server reads it: what is asked, answered, blank, wrong. */
  function walk() {
    const answers = {}, found = { open: [], blanks: [], faults: [], fields: {}, marks: 0 };
    steps.forEach(step => {
      const s = step.dataset.s || '', on = holds(rule(step, 'if'), answers, s);
      all('.q', step).forEach(q => {
        const asked = on && holds(rule(q, 'if'), answers, s), its = screen(q);
        q.hidden = !asked || (single && q !== now);
        if (!asked) return;
        if (!found.open.includes(its)) found.open.push(its);
        const v = values(q), name = q.id, d = q.dataset;
        if (!v.length) {
          if (d.required) found.faults.push([q, name === 'voice' ? W.voice : W.required]); else if (d.kind !== 'text' && d.kind !== 'note') found.blanks.push(q);
          return;
        }
        let why = wrong(q, v);
        if (!why && d.kind !== 'text' && name !== 'voice') {
          answers[s] = answers[s] || {}; answers[s][d.q] = d.kind === 'many' ? v : v[0];
          if (!holds(rule(q, 'must'), answers, s)) { delete answers[s][d.q]; why = d.mustText || W.constraint; }
        }
        if (why) { found.faults.push([q, why]); return; }
        if (name !== 'voice') { found.fields[name] = v; if (d.kind !== 'text') found.marks += 1; }
      });
    });
    seen = found;
    return found;
  }
  function show(n, focus) {
    walk();
    now = seen.open[Math.max(0, Math.min(n, seen.open.length - 1))];
    walk();
    steps.forEach(s => { s.hidden = s !== card(now); });
    if (speech) speech.cancel();
    offstage(false);
    arrows();
    all('.first').forEach(e => { e.hidden = at > 0; });
    if (focus) { now.tabIndex = -1; now.focus({ preventScroll: true }); scrollTo(0, 0); }
  }
  function arrows() {
    const on = seen.open, end = now === on[on.length - 1], counted = on.filter(s => s.dataset.kind !== 'note');
    at = Math.max(0, on.indexOf(now));
    where.hidden = !single || !counted.includes(now);
    where.textContent = where.hidden ? '' : say('at', { n: counted.indexOf(now) + 1, of: counted.length });
    back.hidden = at === 0; next.hidden = end; go.hidden = !end && !checked;
    const label = (b, s) => { b.textContent = s && s.dataset.who ? b.dataset.person : b.dataset.step; };
    label(next, on[at + 1]); label(back, on[at - 1]);
  }
  const named = () => { const e = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1))), q = e && e.closest('.q'); return q ? seen.open.indexOf(screen(q)) : -1; };
  const step = n => { show(n, true); keep(); if (mine) history.pushState({ at }, ''); };
  next.onclick = () => step(at + 1);
  back.onclick = () => { if (mine && history.state && history.state.at === at && at > 0) history.back(); else step(at - 1); };
  window.addEventListener('popstate', e => { if (!done) { show(e.state ? e.state.at : named(), true); keep(); } });

  /* ---- the draft, kept on every change until it is sent ---- */
  function marks() { const f = {}; inputs(form).forEach(i => { if (pick(i) ? i.checked : i.value) (f[i.name] = f[i.name] || []).push(i.value); }); return f; }
  function keep() { if (!done) full = !kept.set(draftKey, { nonce: form.elements.nonce.value, at, fields: marks() }); }
  function fill(fields) { inputs(form).forEach(i => { const v = fields[i.name]; if (v) { if (pick(i)) i.checked = v.includes(i.value); else i.value = v[0]; } }); }
  function tell(q, words) {
    let p = $('.why', q);
    if (!p && words) { p = element('p', '', 'why'); p.setAttribute('role', 'alert'); q.insertBefore(p, q.children[1] || null); }
    if (p) p.textContent = words;
    q.classList.toggle('wrong', Boolean(words));
  }
  form.addEventListener('change', e => {
    const q = e.target.closest('.q');
    if (q) {
      const most = q.dataset.most, many = most && values(q).length > most;
      if (many) e.target.checked = false;
      tell(q, many ? say('most', { n: most }) : '');
    }
    walk(); arrows(); keep();
  });
  form.addEventListener('input', e => { if (!pick(e.target)) keep(); });
  function blank() { inputs(form).forEach(i => { if (pick(i)) i.checked = false; else i.value = ''; }); all('.q', form).forEach(q => tell(q, '')); }
  function fresh(asked) { /* asked for by a tap, which the focus follows */
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    form.elements.nonce.value = Array.from(bytes, b => (b + 256).toString(16).slice(1)).join('');
    kept.drop(draftKey); blank(); done = checked = false; waits = ''; last.classList.remove('done'); offer(false); show(0, Boolean(asked));
    if (mine) history.replaceState({ at: 0 }, '');
  }
  const afresh = $('#afresh');
  function offer(yes) { if (afresh) afresh.hidden = !yes; }
  if (afresh) $('button', afresh).onclick = e => { if (link) fresh(e); else { kept.drop(draftKey); blank(); offer(false); show(0, true); } };

  /* ---- check and send ---- */
  form.addEventListener('submit', e => {
    const by = e.submitter || document.activeElement, to = by && by.getAttribute('formaction');
    if (to) return;
    e.preventDefault();
    if (next.hidden || checked) review(); else step(at + 1);
  });
  switches.forEach(b => { if (b.dataset.alt) b.onclick = e => { /* the size changes here, without the network */
    e.preventDefault();
    const large = root.classList.toggle('large'), words = b.textContent;
    const size = form.elements.size.value = large ? 'large' : 'normal';
    switches.forEach(o => { if (!o.dataset.alt && o.formAction) o.setAttribute('formaction', o.getAttribute('formaction').replace(/size=\w+/, 'size=' + size)); });
    b.textContent = b.dataset.alt; b.dataset.alt = words;
  }; });
  const title = q => bare($('legend,label', q), 'small,.no');
  function review() {
    walk(); checked = true;
    if (seen.faults.length) { seen.faults.forEach(f => tell(f[0], f[1])); show(seen.open.indexOf(screen(seen.faults[0][0])), true); const i = inputs(seen.faults[0][0])[0]; if (i) i.focus(); return; }
    const n = seen.blanks.length, ul = element('ul', '', 'blanks'), groups = new Map();
    seen.blanks.forEach(q => groups.set(screen(q), (groups.get(screen(q)) || []).concat(title(q))));
    last.textContent = ''; last.classList.remove('done');
    last.appendChild(element('h2', !n ? W.all : !seen.marks ? W.none : say('left', { n })));
    groups.forEach((names, s) => { const li = element('li'), h = $('h2', card(s)), q = seen.blanks.find(q => screen(q) === s), b = button((h ? bare(h, '.at') + W.colon : '') + (!single && names.length > 1 && names.length === all('.q', s).length ? say('every', { n: names.length }) : names.join(W.comma)), () => { step(seen.open.indexOf(s)); q.scrollIntoView({ block: 'center' }); }); li.appendChild(b); ul.appendChild(li); });
    if (n) last.appendChild(ul);
    last.appendChild(element('p', W.once));
    const yes = button(W.send, () => { yes.disabled = true; send(); }, 'main');
    last.appendChild(bar(button(W.back, () => show(at, true)), yes));
    panel();
  }
  function offstage(off) { form.hidden = off; last.hidden = !off; if (materials) materials.hidden = off; }
  function panel() { offstage(true); last.focus({ preventScroll: true }); scrollTo(0, 0); }
  async function send() {
    const voice = $('#voice'), nonce = form.elements.nonce.value, item = { c: C, nonce, slip: link ? '' : slip, voice: voice ? values(voice)[0] || '' : '', fields: seen.fields };
    full = !kept.set('ceping/out/' + C + '/' + nonce, item);
    kept.drop(draftKey); done = true; offer(false);
    last.textContent = ''; last.appendChild(element('p', W.sending, 'big'));
    waits = nonce;
    await flush();
    panel();
  }
  /* The words on the screen follow what became of the answer, now or later, here or in another tab. */
  changed = key => {
    const mine = 'ceping/out/' + C + '/' + form.elements.nonce.value;
    if (key === mine && !done && kept.get(mine)) { done = true; blank(); conclude(W.elsewhere); panel(); }
    if (!waits || key) return;
    const j = answered[waits], sent = j && j.receipt && !FINAL.test(j.status);
    if (sent || (j && FINAL.test(j.status))) { kept.drop('ceping/out/' + C + '/' + waits); waits = ''; blank(); }
    if (sent) conclude('', j); else conclude(j && j.text ? j.text : full ? W.full : W.kept);
  };
  function conclude(words, j) {
    last.textContent = ''; last.classList.remove('done');
    if (j) receipt(j); else last.appendChild(element('p', words, 'big'));
    if (link) last.appendChild(bar(button(W.next, fresh, 'main')));
  }
  let waits = '';

  /* ---- read to me, where the browser has a voice for this language ---- */
  const speech = window.speechSynthesis;
  function voices() {
    const tongue = form.elements.lang.value === 'zh' ? 'zh-CN' : form.elements.lang.value;
    if (!speech.getVoices().some(v => v.lang.slice(0, 2) === tongue.slice(0, 2)) || $('.say')) return;
    steps.forEach(s => s.appendChild(button(W.read, () => {
      const u = new SpeechSynthesisUtterance(all('h2,legend,.row span,.list span,.q>label', s).filter(e => !e.closest('[hidden]')).map(e => bare(e, '.no,.at')).join('。'));
      u.lang = tongue; speech.cancel(); speech.speak(u);
    }, 'say')));
  }
  if (speech && window.SpeechSynthesisUtterance) { voices(); speech.onvoiceschanged = voices; }

  /* ---- start ---- */
  function start() {
    const sent = cast();
    if (sent) { done = true; blank(); walk(); show(0); conclude('', sent); panel(); return; } /* the page came again, as after a change of language */
    const d = kept.get(draftKey), given = marks(), posted = Object.keys(given).length > 0;
    done = false;
    if (d && d.nonce) {
      if (!posted) fill(d.fields);
      form.elements.nonce.value = d.nonce;
      offer(Object.keys(d.fields).length > 0 && !posted);
    } else if (link) { fresh(); if (posted) fill(given); }
    walk();
    show(named() < 0 ? d ? d.at : 0 : named());
    if (mine) history.replaceState({ at }, '');
    const bad = $('.wrong', form), summary = $('#summary');
    if (bad) show(seen.open.indexOf(screen(bad)));
    if (summary) summary.focus();
  }
  root.classList.add('js'); form.autocomplete = 'off'; $('#bar').classList.add('stick');
  try { start(); } catch (e) { /* the page as it came: long, and whole */
    root.classList.remove('js'); steps.concat(all('.q', form)).forEach(s => { s.hidden = false; }); back.hidden = next.hidden = true; go.hidden = false; throw e;
  }
  window.addEventListener('pageshow', e => { if (e.persisted) { blank(); start(); outbox(); poll(); } });
  if (link && navigator.serviceWorker && window.caches) { /* only an extra: opens this page from a cold start without a network */
    navigator.serviceWorker.register('/worker.js', { scope: '/v/' })
      .then(() => caches.open('ceping')).then(c => c.addAll([location.pathname, $('script[src]').src])).catch(() => {});
  }
})();
