// Node.js 22 has Promise.withResolvers, which the libp2p library uses. Node.js 20 lacks it, and nothing else that it
// needs.
// Import this before anything of libp2p.

Promise.withResolvers ??= function withResolvers() {
  const parts = {};
  parts.promise = new this((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};
