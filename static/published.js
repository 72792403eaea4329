/* The receipt that a scanned code carries behind the #, which no server sees, stands in the field. */
const field = document.getElementById('receipt'), carried = decodeURIComponent(location.hash.slice(1));
if (field && !field.value && /^[0-9A-Za-z-]{10,11}$/.test(carried)) field.value = carried;
