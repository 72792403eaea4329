/* The live count: asks every two seconds; an unchanged answer is a 304 of no body. */
(function () {
  'use strict';
  var live = document.getElementById('live'), shown = document.getElementById('received');
  if (!live || !shown) return;
  setInterval(function () {
    if (document.hidden) return;
    fetch(live.dataset.url, { cache: 'no-cache' }).then(function (r) { return r.json(); }).then(function (j) { shown.textContent = j.received; }, function () { /* asked again soon */ });
  }, 2000);
})();
