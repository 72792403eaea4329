/* The respondent's script (ES2017). Everything works without it; with it: one step at a time, a draft, an outbox. */
(function () {
  'use strict';
  var doc = document, $ = function (s, e) { return (e || doc).querySelector(s); }, all = function (s, e) { return [].slice.call((e || doc).querySelectorAll(s)); };
  var store = { get: function (k) { try { return JSON.parse(localStorage.getItem(k)); } catch (e) { return null; } },
    put: function (k, v) { try { localStorage.setItem(k, JSON.stringify(v)); return true; } catch (e) { return false; } },
    drop: function (k) { try { localStorage.removeItem(k); } catch (e) { /* nothing was kept */ } } };
  var diag = $('#diag');
  if (diag) {
    var can = { storage: store.put('t', 1), voice: !!(window.speechSynthesis && speechSynthesis.getVoices), worker: 'serviceWorker' in navigator, online: navigator.onLine, crypto: !!(window.crypto && crypto.getRandomValues) };
    store.drop('t');
    all('[data-a]', diag).forEach(function (d) { d.textContent = can[d.dataset.a] ? d.dataset.yes : d.dataset.no; });
    if ($('#abilities')) $('#abilities').value = Object.keys(can).filter(function (k) { return can[k]; }).join(',');
  }
  var form = $('#answer');
  if (!form || !form.dataset.c) return;
  doc.documentElement.classList.add('js');
  var W = JSON.parse($('#words').textContent), C = form.dataset.c, link = form.dataset.mode === 'link';
  var t = function (k, o) { return W[k].replace(/\{(\w+)\}/g, function (_, x) { return o[x]; }); };
  var hash = function (s) { var h = 2166136261; for (var i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 16777619); return (h >>> 0).toString(36); };
  var draftKey = 'd:' + C + ':' + (link ? '' : hash(form.elements.slip.value)), outKey = 'o:' + C, sentKey = 'n:' + C;
  var steps = all('.step', form), at = 0, back = $('#back'), next = $('#next'), go = $('#go'), last = $('#last'), out = $('#out'), memory = [], busy = false, wait = 0, timer;

  /* ---- conditions: the server's rules, held to the same test vectors ---- */
  function holds(c, a, s) {
    if (!c) return true;
    if (c.not) return !holds(c.not, a, s);
    if (c.all) return c.all.every(function (x) { return holds(x, a, s); });
    if (c.any) return c.any.some(function (x) { return holds(x, a, s); });
    var v = (a[s] || {})[c.q]; if (v === undefined || v === '' || v.length === 0) v = (a[''] || {})[c.q];
    var got = v === undefined || v === '' ? [] : [].concat(v);
    if ('answered' in c) return got.length > 0 === !!c.answered;
    if (c.is) return got.some(function (x) { return c.is.indexOf(x) >= 0; });
    var n = got.length ? Number(got[0]) : NaN;
    if (isNaN(n)) return false;
    if ('lt' in c) return n < Number(c.lt); if ('le' in c) return n <= Number(c.le);
    if ('gt' in c) return n > Number(c.gt); if ('ge' in c) return n >= Number(c.ge);
    throw new Error('condition');
  }
  window.phoneHolds = holds;
  function answers() {
    var a = {};
    all('.q', form).forEach(function (q) {
      var m = /^q\.([^]*)\.([^.]*)$/.exec(q.id); if (!m) return;
      var v = values(q); if (v.length) (a[m[1]] = a[m[1]] || {})[m[2]] = v;
    });
    return a;
  }
  function values(q) { return all('input,textarea', q).filter(function (i) { return (i.type === 'radio' || i.type === 'checkbox') ? i.checked : i.value.trim(); }).map(function (i) { return i.value.trim(); }); }
  function conditions() {
    for (var turn = 0; turn < 3; turn++) {
      var a = answers();
      steps.forEach(function (st) {
        var on = holds(st.dataset.if && JSON.parse(st.dataset.if), a, st.dataset.s || '');
        st.off = !on;
        all('.q', st).forEach(function (q) {
          var yes = on && holds(q.dataset.if && JSON.parse(q.dataset.if), a, st.dataset.s || '');
          q.off = !yes; q.hidden = !yes;
          all('input,textarea', q).forEach(function (i) { i.disabled = !yes; });
        });
        var qs = all('.q', st); if (qs.length && qs.every(function (q) { return q.off; })) st.off = true;
      });
    }
  }
  var live = function () { return steps.filter(function (s) { return !s.off; }); };

  /* ---- one step at a time ---- */
  function show(n, focus) {
    conditions();
    var on = live(); at = Math.max(0, Math.min(n, on.length - 1));
    steps.forEach(function (s) { s.hidden = s !== on[at]; });
    back.hidden = at === 0; next.hidden = at === on.length - 1; go.hidden = !next.hidden;
    var small = $('.at', on[at]); if (!small) { small = doc.createElement('p'); small.className = 'at who'; on[at].insertBefore(small, on[at].firstChild); }
    if (!on[at].dataset.who) small.textContent = t('at', { n: at + 1, of: on.length });
    if (focus) { var h = $('h2,legend,label', on[at]); h.tabIndex = -1; h.focus({ preventScroll: true }); window.scrollTo(0, Math.max(0, on[at].getBoundingClientRect().top + window.pageYOffset - 8)); }
  }
  $('#bar').classList.add('stick');
  back.onclick = function () { show(at - 1, true); keep(); };
  next.onclick = function () { show(at + 1, true); keep(); };

  /* ---- the draft ---- */
  function fields() {
    var f = {};
    all('input,textarea', form).forEach(function (i) {
      if (!i.name || i.disabled || ((i.type === 'radio' || i.type === 'checkbox') && !i.checked) || i.value === '') return;
      (f[i.name] = f[i.name] || []).push(i.value);
    });
    return f;
  }
  function keep() { var f = fields(); ['nonce', 'slip', 'lang', 'size'].forEach(function (k) { delete f[k]; }); store.put(draftKey, { f: f, at: at, n: form.elements.nonce.value }); }
  function fill(d) {
    all('input,textarea', form).forEach(function (i) {
      if (!i.name || i.type === 'hidden') return;
      var v = d.f[i.name] || [];
      if (i.type === 'radio' || i.type === 'checkbox') i.checked = v.indexOf(i.value) >= 0; else i.value = v[0] || '';
    });
  }
  form.addEventListener('change', function (e) {
    var q = e.target.closest('.q');
    if (q && q.dataset.most && values(q).length > Number(q.dataset.most)) { e.target.checked = false; tell(q, t('most', { n: q.dataset.most })); } else if (q) tell(q, '');
    conditions(); keep();
  });
  form.addEventListener('input', function (e) { if (e.target.tagName === 'TEXTAREA') keep(); });
  function tell(q, words) {
    var p = $('.why', q); if (!p && words) { p = doc.createElement('p'); p.className = 'why'; p.setAttribute('role', 'alert'); q.insertBefore(p, q.children[1]); }
    if (p) p.textContent = words;
  }

  /* ---- check and send ---- */
  function el(tag, text, cls) { var e = doc.createElement(tag); if (text) e.textContent = text; if (cls) e.className = cls; return e; }
  function blanks() {
    var n = 0, list = [];
    live().forEach(function (s) {
      var names = all('fieldset.q', s).filter(function (q) { return !q.off && q.id !== 'voice' && !values(q).length; }).map(function (q) { return $('legend', q).firstChild.textContent.trim() || $('legend', q).textContent.trim(); });
      if (names.length) { n += names.length; var h = $('h2', s); list.push([h ? h.lastChild.textContent : '', names.join('、'), s]); }
    });
    return { n: n, list: list };
  }
  form.addEventListener('submit', function (e) {
    if (e.submitter && e.submitter.getAttribute('formaction')) return;
    e.preventDefault();
    if (!go.hidden || next.hidden) review(); else show(at + 1, true);
  });
  function review() {
    var voice = $('#voice'); if (voice && !values(voice).length) { show(live().indexOf(voice.closest('.step')), true); tell(voice, W.voice); return; }
    var b = blanks(), total = all('fieldset.q', form).filter(function (q) { return !q.off && q.id !== 'voice'; }).length;
    last.textContent = ''; last.appendChild(el('h2', b.n === 0 ? W.all : b.n === total ? W.none : t('left', { n: b.n })));
    var ul = el('ul', '', 'blanks');
    b.list.forEach(function (x) { var li = el('li'), a = el('a', (x[0] ? x[0] + ' ' : '') + x[1]); a.href = '#answer'; a.onclick = function (e) { e.preventDefault(); form.hidden = false; last.hidden = true; show(live().indexOf(x[2]), true); }; li.appendChild(a); ul.appendChild(li); });
    last.appendChild(ul);
    var bar = el('div', '', 'bar'), no = el('button', W.back), yes = el('button', W.send, 'main'); no.type = yes.type = 'button';
    no.onclick = function () { form.hidden = false; last.hidden = true; show(at, true); };
    yes.onclick = function () { yes.disabled = true; send(); };
    bar.appendChild(no); bar.appendChild(yes); last.appendChild(bar);
    form.hidden = true; last.hidden = false; last.focus(); window.scrollTo(0, 0);
  }
  var box = function () { return store.get(outKey) || memory; };
  function setBox(list) { if (store.put(outKey, list)) { memory = []; return true; } memory = list; return false; }
  function send() {
    var f = fields();
    var list = box().filter(function (x) { return x.nonce[0] !== f.nonce[0]; }).concat([f]);
    var kept = setBox(list);
    last.textContent = ''; last.appendChild(el('p', W.sending, 'big'));
    flush(f.nonce[0]).then(function (mine) { result(mine, kept); });
  }
  function result(mine, kept) {
    last.textContent = '';
    if (mine && mine.receipt) {
      store.drop(draftKey);
      last.classList.add('done');
      last.appendChild(el('h2', mine.text || W.sent)); last.appendChild(el('p', W.receipt)); last.appendChild(el('p', mine.receipt.slice(0, 5) + '-' + mine.receipt.slice(5), 'code'));
      var qr = el('div', '', 'qr'); qr.setAttribute('role', 'img'); qr.setAttribute('aria-label', W.receipt); qr.innerHTML = mine.qr || ''; last.appendChild(qr);
    } else if (mine && mine.faults) {
      form.hidden = false; last.hidden = true; Object.keys(mine.faults).forEach(function (k) { var q = doc.getElementById(k); if (q) { tell(q, mine.faults[k]); show(live().indexOf(q.closest('.step')), true); } }); return;
    } else {
      last.appendChild(el('p', mine && mine.text ? mine.text : kept ? W.kept : W.full, 'big'));
      if (link) store.drop(draftKey);
    }
    if (link) { var bar = el('div', '', 'bar'), b = el('button', W.next, 'main'); b.type = 'button'; b.onclick = fresh; bar.appendChild(b); last.appendChild(bar); }
    last.focus(); outbox();
  }
  function fresh() {
    var bytes = new Uint8Array(16), hex = ''; crypto.getRandomValues(bytes); bytes.forEach(function (b) { hex += (b + 256).toString(16).slice(1); });
    store.drop(draftKey); form.reset(); all('input,textarea', form).forEach(function (i) { if (i.type === 'radio' || i.type === 'checkbox') i.checked = false; else if (i.type !== 'hidden') i.value = ''; });
    all('.why', form).forEach(function (p) { p.textContent = ''; });
    form.elements.nonce.value = hex; form.hidden = false; last.hidden = true; last.classList.remove('done'); show(0, true);
  }

  /* ---- the outbox: an answer is sent only when the server's JSON repeats its nonce with a receipt ---- */
  function post(f) {
    var b = new URLSearchParams(); Object.keys(f).forEach(function (k) { if (k !== 'told') f[k].forEach(function (v) { b.append(k, v); }); });
    var stop = window.AbortController ? new AbortController() : null, clock = setTimeout(function () { if (stop) stop.abort(); }, 20000);
    return fetch('/v/' + C + '/cast', { method: 'POST', body: b, headers: { Accept: 'application/json' }, credentials: 'omit', cache: 'no-store', redirect: 'error', signal: stop ? stop.signal : undefined })
      .then(function (r) { return r.json(); }).then(function (j) { clearTimeout(clock); return j && j.nonce === f.nonce[0] && typeof j.status === 'string' ? j : null; }, function () { clearTimeout(clock); return null; });
  }
  function flush(wanted) {
    if (busy) return Promise.resolve(null);
    busy = true; clearTimeout(timer);
    var mine = null, failed = false;
    return box().reduce(function (chain, f) {
      return chain.then(function () {
        if (failed && f.nonce[0] !== wanted) return null;
        return post(f).then(function (j) {
          if (f.nonce[0] === wanted) mine = j;
          if (j && j.receipt) { setBox(box().filter(function (x) { return x.nonce[0] !== f.nonce[0]; })); store.put(sentKey, (store.get(sentKey) || 0) + 1); return; }
          if (j && (j.status === 'faults' || (!link && /^(already_used|unknown|void|desk_only|bad_nonce)$/.test(j.status)))) { setBox(box().filter(function (x) { return x.nonce[0] !== f.nonce[0]; })); return; }
          if (j && j.text) { setBox(box().map(function (x) { if (x.nonce[0] === f.nonce[0]) x.told = j.text; return x; })); if (j.status === 'busy') failed = true; return; }
          failed = true;
        });
      });
    }, Promise.resolve()).then(function () {
      busy = false; wait = failed ? Math.min((wait || 2500) * 2, 300000) : 0;
      if (box().length) timer = setTimeout(function () { flush().then(outbox); }, wait || 60000);
      return mine;
    });
  }
  function outbox() {
    var list = box(), sent = store.get(sentKey) || 0;
    out.hidden = !list.length && !(link && sent);
    out.textContent = '';
    var p = el('p', t('unsent', { n: list.length, m: sent })); p.setAttribute('role', 'status'); out.appendChild(p);
    list.forEach(function (x) { if (x.told) out.appendChild(el('p', x.told, 'why')); });
    if (!list.length) return;
    var bar = el('div', '', 'bar'), b = el('button', t('retry', { n: list.length })), s = el('button', W.save); b.type = s.type = 'button';
    b.onclick = function () { b.disabled = true; wait = 0; flush().then(outbox); };
    s.onclick = function () { var a = el('a'); a.href = URL.createObjectURL(new Blob([JSON.stringify({ rescue: 1, collection: C, answers: list.map(function (x) { var y = Object.assign({}, x); delete y.told; return y; }) })], { type: 'application/json' })); a.download = 'rescue-' + C + '-' + list.length + '.json'; doc.body.appendChild(a); a.click(); a.remove(); };
    bar.appendChild(b); bar.appendChild(s); out.appendChild(bar);
  }
  window.addEventListener('online', function () { wait = 0; flush().then(outbox); });
  doc.addEventListener('visibilitychange', function () { if (!doc.hidden) { flush().then(outbox); poll(); } });
  window.addEventListener('pageshow', function (e) { if (e.persisted) { outbox(); poll(); } });
  window.addEventListener('storage', outbox);

  /* ---- the announced end reaches pages that are open and never resets them ---- */
  var clock = $('#clock'), ends = 0, skew = 0;
  function poll() {
    fetch('/v/' + C + '/status', { credentials: 'omit', cache: 'no-store' }).then(function (r) { return r.json(); }).then(function (j) {
      ends = j.closes_at ? Date.parse(j.closes_at) : 0; skew = j.now * 1000 - Date.now();
      if (/^(closing|sealed|void_collection)$/.test(j.status)) ends = 1;
      tick();
    }, function () { /* no network: the page stays as it is */ });
  }
  function tick() {
    if (!ends) { clock.hidden = true; return; }
    var left = Math.max(0, Math.round((ends - Date.now() - skew) / 1000));
    clock.hidden = false; clock.textContent = left ? t('ends', { n: t('min', { n: Math.floor(left / 60), s: left % 60 }) }) : W.over;
  }
  setInterval(tick, 1000); setInterval(function () { if (!doc.hidden) poll(); }, 30000);

  /* ---- read to me, where the browser has a voice ---- */
  if (window.speechSynthesis && window.SpeechSynthesisUtterance) {
    steps.forEach(function (s) {
      var b = el('button', W.read, 'say'); b.type = 'button';
      b.onclick = function () { speechSynthesis.cancel(); var u = new SpeechSynthesisUtterance(all('h2,legend,.row span,.list span', s).filter(function (e) { return !e.closest('[hidden]'); }).map(function (e) { return e.textContent; }).join('。')); u.lang = doc.documentElement.lang; speechSynthesis.speak(u); };
      s.appendChild(b);
    });
  }
  if (link && 'serviceWorker' in navigator) navigator.serviceWorker.register('/worker.js').catch(function () { /* only an extra */ });
  var d = store.get(draftKey), posted = $('#summary');
  if (d && !posted) { fill(d); if (d.n && link) form.elements.nonce.value = d.n; }
  show(d && !posted ? d.at : 0);
  if (posted) { var bad = $('.q.wrong', form); if (bad) show(live().indexOf(bad.closest('.step'))); posted.focus(); }
  outbox(); poll(); if (box().length) flush().then(outbox);
})();
