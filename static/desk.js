/* The live count and the countdown: an unchanged answer is a 304 without a body. Everything works without this script. */
(function () {
  'use strict';
  var live = document.getElementById('live'), shown = document.getElementById('received'), ends = 0, shift = 0;
  if (!live || !shown) return;
  function two(n) { return (n < 10 ? '0' : '') + n; }
  function tick() {
    if (!ends) return;
    var left = Math.max(0, Math.round((ends - Date.now() - shift) / 1000));
    live.textContent = left ? live.dataset.left + ' ' + Math.floor(left / 60) + ':' + two(left % 60) : live.dataset.over;
  }
  function ask() {
    if (document.hidden) return;
    fetch(live.dataset.url, { cache: 'no-cache' }).then(function (r) {
      if (!r.ok || r.redirected) throw new Error('signed out');
      var date = Date.parse(r.headers.get('Date') || '');
      if (date) shift = date - Date.now();
      return r.json();
    }).then(function (j) {
      shown.textContent = j.received;
      ends = j.closes_at && j.phase === 'open' ? Date.parse(j.closes_at) : 0;
      if (j.phase !== live.dataset.phase) {
        if (live.dataset.reload) location.reload(); else live.textContent = live.dataset.over;
        live.dataset.phase = j.phase;
      }
    }).catch(function () { /* asked again soon */ });
  }
  ask();
  setInterval(ask, 2000);
  setInterval(tick, 1000);
})();
