/* Keeps a survey's page and its two files, so that a cadre's phone opens them without a network. Never an answer. */
'use strict';
var KEEP = 'survey-1', FILES = ['/static/phone.css', '/static/phone.js'];
self.addEventListener('install', function (e) { e.waitUntil(caches.open(KEEP).then(function (c) { return c.addAll(FILES); }).then(function () { return self.skipWaiting(); })); });
self.addEventListener('activate', function (e) { e.waitUntil(self.clients.claim().then(function () { return self.clients.matchAll({ type: 'window' }); }).then(function (list) { return caches.open(KEEP).then(function (c) { return Promise.all(list.map(function (w) { return fetch(w.url).then(function (r) { if (r.headers.get('X-Keep')) return c.put(w.url, r); }, function () { return null; }); })); }); })); });
self.addEventListener('fetch', function (e) {
  var u = new URL(e.request.url);
  if (e.request.method !== 'GET' || u.origin !== self.location.origin) return;
  if (FILES.indexOf(u.pathname) < 0 && e.request.mode !== 'navigate') return;
  e.respondWith(fetch(e.request).then(function (r) {
    if (r.ok && (r.headers.get('X-Keep') || FILES.indexOf(u.pathname) >= 0)) { var copy = r.clone(); caches.open(KEEP).then(function (c) { c.put(e.request, copy); }); }
    return r;
  }, function () { return caches.match(e.request).then(function (r) { return r || Response.error(); }); }));
});
