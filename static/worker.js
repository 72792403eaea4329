/* Opens a survey's page and its script where there is no network. It never sees or keeps an answer. */
'use strict';
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', e => e.waitUntil(self.clients.claim()));
self.addEventListener('fetch', e => {
  const to = new URL(e.request.url), page = e.request.mode === 'navigate' && /^\/v\/[0-9A-Z]{8}$/.test(to.pathname);
  if (e.request.method !== 'GET' || to.origin !== location.origin || !(page || to.pathname.startsWith('/phone.'))) return;
  const stored = () => caches.match(e.request, { ignoreSearch: page }).then(r => r || Response.error());
  if (!page) { e.respondWith(caches.match(e.request).then(r => r || fetch(e.request))); return; }
  e.respondWith(fetch(e.request).then(r => {
    if (!r.ok || r.redirected || !r.headers.get('X-Keep')) return r;
    const copy = r.clone();
    e.waitUntil(caches.open('ceping').then(c => c.put(to.pathname, copy)));
    return r;
  }, stored));
});
